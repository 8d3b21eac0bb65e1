//! Calls of the extension's functions: how they are made up, what they are in SQL, and what must come of them.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use crate::state::State;

/// Few, so that they collide; some look like a namespace's without being of it.
const KEYS: [&str; 9] = ["a", "b", ":a", "n:1", "n:2", "n:2:3", "n;", "d:1", "d:2"];
const NAMESPACES: [&str; 4] = ["", "n", "d", "absent"];

/// A value with what is stored beside it.
#[derive(Clone, Debug)]
pub struct New {
    pub value: Value,
    /// In microseconds; None: the default of the namespace.
    pub ttl: Option<i64>,
    pub tags: Option<Vec<&'static str>>,
}

/// How a single key is written.
#[derive(Clone, Debug)]
pub enum How {
    Set,
    TrySet,
    Add,
    Replace,
    Cas(String),
}

#[derive(Clone, Debug)]
pub enum Operation {
    Write(How, &'static str, New),
    SetMany(Vec<&'static str>, New),
    Touch(&'static str, Option<i64>),
    Incr(&'static str, i64, Option<i64>),
    Get(&'static str),
    GetOrNull(&'static str),
    Exists(&'static str),
    Ttl(&'static str),
    ExpiresAt(&'static str),
    Entry(&'static str),
    GetMany(Vec<&'static str>),
    Keys(Option<&'static str>, &'static str, usize),
    Delete(&'static str),
    Take(&'static str),
    DeleteMany(Vec<&'static str>),
    Clear(Option<&'static str>),
    Sweep,
}

fn pick<T: Clone>(random: &mut StdRng, from: &[T]) -> T {
    from.choose(random).cloned().unwrap_or_else(|| from[0].clone())
}

fn some_keys(random: &mut StdRng) -> Vec<&'static str> {
    (0..random.random_range(0..6)).map(|_| pick(random, &KEYS)).collect()
}

fn some_namespace(random: &mut StdRng) -> Option<&'static str> {
    random.random_bool(0.5).then(|| pick(random, &NAMESPACES))
}

fn ttl(random: &mut StdRng) -> Option<i64> {
    let ttls = [None, Some(1_000), Some(1_500), Some(5_000), Some(20_000), Some(100_000), Some(3_600_000_000)];
    pick(random, &ttls)
}

impl New {
    fn random(random: &mut StdRng) -> Self {
        let number = random.random_range(-3..100);
        let values = [json!(number), json!(0), json!(null), json!("text"), json!(1.5), json!([1, {"a": null}])];
        let tags = [None, None, Some(vec![]), Some(vec!["y", "x", "y"])];
        Self { value: pick(random, &values), ttl: ttl(random), tags: pick(random, &tags) }
    }

    /// A number and nothing else.
    pub fn of(number: i64) -> Self {
        Self { value: number.into(), ttl: None, tags: None }
    }

    /// The arguments after the key.
    fn arguments(&self, value: &Value, version: Option<&str>) -> String {
        let version = version.map(|version| format!(", '{version}'::xid8")).unwrap_or_default();
        let tags = self.tags.as_ref().map_or("NULL".to_owned(), |tags| format!("'{{{}}}'", tags.join(",")));
        format!("'{value}'::jsonb{version}, {}, {tags}", interval(self.ttl))
    }
}

impl Operation {
    pub fn random(random: &mut StdRng, state: &State) -> Self {
        let key = pick(random, &KEYS);
        match random.random_range(0..40) {
            0..=3 => Self::Write(How::Set, key, New::random(random)),
            4 => Self::Write(How::TrySet, key, New::random(random)),
            5..=7 => Self::Write(How::Add, key, New::random(random)),
            8..=9 => Self::Write(How::Replace, key, New::random(random)),
            10..=11 => {
                let known = state.entry(key).filter(|_| random.random_bool(0.8));
                let version = known.map_or("3".to_owned(), |entry| entry.version.clone());
                Self::Write(How::Cas(version), key, New::random(random))
            }
            12..=13 => Self::SetMany(some_keys(random), New::random(random)),
            14..=15 => Self::Touch(key, ttl(random)),
            16..=18 => Self::Incr(key, random.random_range(-2..5), ttl(random)),
            19..=21 => Self::Get(key),
            22 => Self::GetOrNull(key),
            23 => Self::Exists(key),
            24 => Self::Ttl(key),
            25 => Self::ExpiresAt(key),
            26..=28 => Self::Entry(key),
            29..=30 => Self::GetMany(some_keys(random)),
            31..=32 => Self::Keys(some_namespace(random), pick(random, &["", key]), pick(random, &[1, 3, 1000])),
            33..=34 => Self::Delete(key),
            35..=36 => Self::Take(key),
            37 => Self::DeleteMany(some_keys(random)),
            38 => Self::Clear(some_namespace(random)),
            _ => Self::Sweep,
        }
    }

    pub fn writes(&self) -> bool {
        !matches!(
            self,
            Self::Get(_)
                | Self::GetOrNull(_)
                | Self::Exists(_)
                | Self::Ttl(_)
                | Self::ExpiresAt(_)
                | Self::Entry(_)
                | Self::GetMany(_)
                | Self::Keys(..)
        )
    }
}

impl Operation {
    /// An expression of type jsonb. It is SQL NULL where the function returns that, or no row.
    pub fn sql(&self) -> String {
        match self {
            Self::Write(how, key, new) => {
                let (name, version) = match how {
                    How::Set => {
                        let call = format!("cache_set('{key}', {})", new.arguments(&new.value, None));
                        return format!("to_jsonb({})", micros(&call));
                    }
                    How::TrySet => ("try_set", None),
                    How::Add => ("add", None),
                    How::Replace => ("replace", None),
                    How::Cas(version) => ("cas", Some(version.as_str())),
                };
                format!("to_jsonb(cache_{name}('{key}', {}))", new.arguments(&new.value, version))
            }
            Self::SetMany(keys, new) => {
                let entries = keys.iter().map(|&key| (key.to_owned(), new.value.clone())).collect();
                format!("to_jsonb(cache_set_many({}))", new.arguments(&Value::Object(entries), None))
            }
            Self::Touch(key, ttl) => format!("to_jsonb(cache_touch('{key}', {}))", interval(*ttl)),
            Self::Incr(key, delta, ttl) => format!("to_jsonb(cache_incr('{key}', {delta}, {}))", interval(*ttl)),
            Self::Get(key) => format!("cache_get('{key}')"),
            Self::GetOrNull(key) => format!("cache_get_or_null('{key}')"),
            Self::Exists(key) => format!("to_jsonb(cache_exists('{key}'))"),
            Self::Ttl(key) => format!("to_jsonb({})", micros(&format!("cache_ttl('{key}')"))),
            Self::ExpiresAt(key) => format!("to_jsonb({})", micros(&format!("cache_expires_at('{key}')"))),
            Self::Entry(key) => format!(
                "(SELECT jsonb_build_array(key, value, to_jsonb(tags), version::text, {}, {}, {}, {})
                  FROM cache_entry('{key}'))",
                micros("created_at"),
                micros("updated_at"),
                micros("expires_at"),
                micros("stale_until")
            ),
            Self::GetMany(keys) => {
                format!("(SELECT jsonb_agg(jsonb_build_array(key, value)) FROM cache_get_many({}))", array(keys))
            }
            Self::Keys(namespace, after, most) => {
                let namespace = quoted(*namespace);
                format!("(SELECT jsonb_agg(key) FROM cache_keys({namespace}, '{after}', {most}) AS key)")
            }
            Self::Delete(key) => format!("to_jsonb(cache_delete('{key}'))"),
            Self::Take(key) => format!("cache_take('{key}')"),
            Self::DeleteMany(keys) => format!("to_jsonb(cache_delete_many({}))", array(keys)),
            Self::Clear(namespace) => format!("to_jsonb(cache_clear({}))", quoted(*namespace)),
            Self::Sweep => "to_jsonb(cache_sweep())".to_owned(),
        }
    }
}

fn interval(ttl: Option<i64>) -> String {
    ttl.map_or("NULL::interval".to_owned(), |micros| format!("'{micros} microseconds'::interval"))
}

fn array(keys: &[&str]) -> String {
    format!("'{{{}}}'::text[]", keys.iter().map(|key| format!("\"{key}\"")).collect::<Vec<_>>().join(","))
}

fn quoted(text: Option<&str>) -> String {
    text.map_or("NULL".to_owned(), |text| format!("'{text}'"))
}

/// A moment or an interval in microseconds.
fn micros(time: &str) -> String {
    format!("(extract(epoch FROM {time}) * 1000000)::bigint")
}
