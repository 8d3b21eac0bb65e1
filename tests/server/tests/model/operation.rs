//! Calls of the extension's functions: how they are made up, what they are in SQL, and what must come of them.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::json;

use crate::state::{State, Stored};

/// Few, so that they collide; some look like a namespace's without being of it.
const KEYS: [&str; 9] = ["a", "b", ":a", "n:1", "n:2", "n:2:3", "n;", "d:1", "d:2"];
const NAMESPACES: [&str; 4] = ["", "n", "d", "absent"];
const PREFIXES: [&str; 8] = ["", "n", "n:2", "a", ":", "d:1", "%", "n:2:3:4"];
const OWNERS: [&str; 3] = ["ann", "bob", "text"];

/// How long an entry is to live.
#[derive(Clone, Copy, Debug)]
pub enum Ttl {
    /// The default of the namespace.
    Default,
    /// In microseconds.
    For(i64),
    /// As long as the live entry that is replaced.
    Keep,
    /// Until the moment that is so many microseconds from now.
    Until(i64),
}

/// Some keys: those of a namespace, or of all, that begin with a prefix.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    pub namespace: Option<&'static str>,
    pub prefix: Option<&'static str>,
}

/// A value with what is stored beside it.
#[derive(Clone, Debug)]
pub struct New {
    pub value: Stored,
    pub ttl: Ttl,
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
    /// Keys with a value and a ttl each, all JSON or all bytes.
    SetArrays(Vec<(&'static str, New)>),
    Touch(&'static str, Ttl, Option<String>),
    GetAndTouch(&'static str, Ttl, Format),
    /// The last number: where an absent entry starts; None: it stays absent.
    Incr(&'static str, i64, Ttl, Option<i64>),
    Lock(&'static str, &'static str, Ttl),
    Unlock(&'static str, &'static str),
    LockOwner(&'static str),
    Get(&'static str, Format),
    GetOrNull(&'static str),
    Exists(&'static str),
    Ttl(&'static str),
    TtlSeconds(&'static str),
    ExpiresAt(&'static str),
    Entry(&'static str),
    GetMany(Vec<&'static str>, Format),
    Keys(Range, &'static str, usize),
    Count(Range),
    Delete(&'static str, Option<String>),
    Take(&'static str, Format),
    DeleteMany(Vec<&'static str>),
    Clear(Range),
    Sweep,
}

/// The format that a function takes or returns: JSON or bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    Json,
    Bytes,
}

impl Format {
    fn random(random: &mut StdRng) -> Self {
        if random.random_bool(0.5) { Self::Json } else { Self::Bytes }
    }

    /// The end of the names of its functions.
    fn suffix(self) -> &'static str {
        match self {
            Self::Json => "",
            Self::Bytes => "_bytes",
        }
    }

    /// An expression in this format as one of type jsonb: bytes are UTF-8 here.
    fn jsonb(self, expression: &str) -> String {
        match self {
            Self::Json => expression.to_owned(),
            Self::Bytes => format!("to_jsonb(convert_from({expression}, 'UTF8'))"),
        }
    }
}

fn pick<T: Clone>(random: &mut StdRng, from: &[T]) -> T {
    from.choose(random).cloned().unwrap_or_else(|| from[0].clone())
}

fn some_keys(random: &mut StdRng) -> Vec<&'static str> {
    (0..random.random_range(0..6)).map(|_| pick(random, &KEYS)).collect()
}

fn some_range(random: &mut StdRng) -> Range {
    let namespace = random.random_bool(0.5).then(|| pick(random, &NAMESPACES));
    let prefix = random.random_bool(0.4).then(|| pick(random, &PREFIXES));
    Range { namespace, prefix }
}

fn ttl(random: &mut StdRng) -> Ttl {
    let micros = [1_000, 1_500, 5_000, 20_000, 100_000, 3_600_000_000];
    match random.random_range(0..9) {
        0..=1 => Ttl::Default,
        2 => Ttl::Keep,
        _ => Ttl::For(pick(random, &micros)),
    }
}

/// As [`ttl`], or a moment.
fn expiry(random: &mut StdRng) -> Ttl {
    if random.random_bool(0.15) { Ttl::Until(pick(random, &[-1_000_000, 20_000, 3_600_000_000])) } else { ttl(random) }
}

/// The version of an entry, or another one.
fn some_version(random: &mut StdRng, key: &str, state: &State) -> String {
    let known = state.entry(key).filter(|_| random.random_bool(0.8));
    known.map_or("3".to_owned(), |entry| entry.version.clone())
}

impl New {
    fn random(random: &mut StdRng, format: Format) -> Self {
        let number = random.random_range(-3..100);
        let values = [json!(number), json!(0), json!(null), json!("text"), json!(1.5), json!([1, {"a": null}])];
        let tags = [None, None, Some(vec![]), Some(vec!["y", "x", "y"])];
        let value = match format {
            Format::Json => Stored::Json(pick(random, &values)),
            Format::Bytes => Stored::Bytes(pick(random, &["", "text", "raw", "[1, ", "7"])),
        };
        Self { value, ttl: expiry(random), tags: pick(random, &tags) }
    }

    fn format(&self) -> Format {
        match self.value {
            Stored::Json(_) => Format::Json,
            Stored::Bytes(_) => Format::Bytes,
        }
    }

    /// The tags in SQL.
    fn tags(&self) -> String {
        self.tags.as_ref().map_or("NULL".to_owned(), |tags| format!("'{{{}}}'", tags.join(",")))
    }

    /// The arguments after the key.
    fn arguments(&self, version: Option<&str>) -> String {
        let version = version.map(|version| format!(", '{version}'::xid8")).unwrap_or_default();
        let (ttl, moment) = (sql_ttl(self.ttl), sql_moment(self.ttl));
        format!("{}{version}, {ttl}, {}{moment}", self.value.sql(), self.tags())
    }
}

impl Operation {
    pub fn random(random: &mut StdRng, state: &State) -> Self {
        let key = pick(random, &KEYS);
        let format = Format::random(random);
        match random.random_range(0..46) {
            0..=3 => Self::Write(How::Set, key, New::random(random, format)),
            4 => Self::Write(How::TrySet, key, New::random(random, format)),
            5..=7 => Self::Write(How::Add, key, New::random(random, format)),
            8..=9 => Self::Write(How::Replace, key, New::random(random, format)),
            10..=11 => {
                let version = some_version(random, key, state);
                Self::Write(How::Cas(version), key, New::random(random, format))
            }
            12 => {
                // An object of entries takes no moment.
                let new = New { ttl: ttl(random), ..New::random(random, Format::Json) };
                Self::SetMany(some_keys(random), new)
            }
            13 => {
                let keys = some_keys(random).into_iter();
                Self::SetArrays(
                    keys.map(|key| (key, New { ttl: ttl(random), ..New::random(random, format) })).collect(),
                )
            }
            14..=15 => {
                let version = random.random_bool(0.3).then(|| some_version(random, key, state));
                Self::Touch(key, expiry(random), version)
            }
            16..=18 => {
                let start = pick(random, &[Some(0), Some(0), Some(10), None]);
                Self::Incr(key, random.random_range(-2..5), ttl(random), start)
            }
            19..=21 => Self::Get(key, format),
            22 => Self::GetOrNull(key),
            23 => Self::Exists(key),
            24 => Self::Ttl(key),
            25 => Self::ExpiresAt(key),
            26..=28 => Self::Entry(key),
            29..=30 => Self::GetMany(some_keys(random), format),
            31..=32 => Self::Keys(some_range(random), pick(random, &["", key]), pick(random, &[1, 3, 1000])),
            33..=34 => Self::Delete(key, random.random_bool(0.5).then(|| some_version(random, key, state))),
            35..=36 => Self::Take(key, format),
            37 => Self::DeleteMany(some_keys(random)),
            38 => Self::Clear(some_range(random)),
            39 => Self::GetAndTouch(key, ttl(random), format),
            40..=41 => Self::Lock(key, pick(random, &OWNERS), ttl(random)),
            42 => Self::Unlock(key, pick(random, &OWNERS)),
            43 => Self::LockOwner(key),
            44 => Self::Count(some_range(random)),
            45 if random.random_bool(0.5) => Self::TtlSeconds(key),
            _ => Self::Sweep,
        }
    }

    pub fn writes(&self) -> bool {
        !matches!(
            self,
            Self::Get(..)
                | Self::GetOrNull(_)
                | Self::LockOwner(_)
                | Self::TtlSeconds(_)
                | Self::Count(_)
                | Self::Exists(_)
                | Self::Ttl(_)
                | Self::ExpiresAt(_)
                | Self::Entry(_)
                | Self::GetMany(..)
                | Self::Keys(..)
        )
    }
}

impl Operation {
    /// An expression of type jsonb. It is SQL NULL where the function returns that, or no row.
    pub fn sql(&self) -> String {
        match self {
            Self::Write(how, key, new) => {
                let suffix = new.format().suffix();
                let (name, version) = match how {
                    How::Set => {
                        let call = format!("cache_set{suffix}('{key}', {})", new.arguments(None));
                        return format!("to_jsonb({})", micros(&call));
                    }
                    How::TrySet => ("try_set", None),
                    How::Add => ("add", None),
                    How::Replace => ("replace", None),
                    How::Cas(version) => ("cas", Some(version.as_str())),
                };
                format!("to_jsonb(cache_{name}{suffix}('{key}', {}))", new.arguments(version))
            }
            Self::SetMany(keys, new) => {
                let entries = keys.iter().map(|key| format!("'{key}', {}", new.value.sql())).collect::<Vec<_>>();
                let (entries, ttl, tags) = (entries.join(", "), sql_ttl(new.ttl), new.tags());
                format!("to_jsonb(cache_set_many(jsonb_build_object({entries}), {ttl}, {tags}))")
            }
            Self::SetArrays(entries) => {
                let Some((_, first)) = entries.first() else {
                    return "to_jsonb(cache_set_many('{}'::text[], '{}'::jsonb[]))".to_owned();
                };
                let list =
                    |of: &dyn Fn(&New) -> String| entries.iter().map(|(_, new)| of(new)).collect::<Vec<_>>().join(", ");
                let (values, ttls) = (list(&|new| new.value.sql()), list(&|new| sql_ttl(new.ttl)));
                let keys = array(&entries.iter().map(|&(key, _)| key).collect::<Vec<_>>());
                let (suffix, tags) = (first.format().suffix(), first.tags());
                format!("to_jsonb(cache_set_many{suffix}({keys}, ARRAY[{values}], ARRAY[{ttls}], {tags}))")
            }
            Self::Touch(key, ttl, version) => {
                let version = version.as_ref().map_or("NULL".to_owned(), |version| format!("'{version}'"));
                format!("to_jsonb(cache_touch('{key}', {}, {version}{}))", sql_ttl(*ttl), sql_moment(*ttl))
            }
            Self::GetAndTouch(key, ttl, format) => {
                format.jsonb(&format!("cache_get_and_touch{}('{key}', {})", format.suffix(), sql_ttl(*ttl)))
            }
            Self::Incr(key, delta, ttl, start) => {
                let start = start.map_or("NULL".to_owned(), |start| start.to_string());
                format!("to_jsonb(cache_incr('{key}', {delta}, {}, {start}))", sql_ttl(*ttl))
            }
            Self::Lock(key, owner, ttl) => format!("to_jsonb(cache_lock('{key}', '{owner}', {}))", sql_ttl(*ttl)),
            Self::Unlock(key, owner) => format!("to_jsonb(cache_unlock('{key}', '{owner}'))"),
            Self::LockOwner(key) => format!("to_jsonb(cache_lock_owner('{key}'))"),
            Self::Get(key, format) => format.jsonb(&format!("cache_get{}('{key}')", format.suffix())),
            Self::GetOrNull(key) => format!("cache_get_or_null('{key}')"),
            Self::Exists(key) => format!("to_jsonb(cache_exists('{key}'))"),
            Self::Ttl(key) => format!("to_jsonb({})", micros(&format!("cache_ttl('{key}')"))),
            Self::TtlSeconds(key) => format!("to_jsonb((cache_ttl_seconds('{key}') * 1000000)::bigint)"),
            Self::ExpiresAt(key) => format!("to_jsonb({})", micros(&format!("cache_expires_at('{key}')"))),
            Self::Entry(key) => format!(
                "(SELECT jsonb_build_array(key, value, to_jsonb(tags), version::text, {}, {}, {}, {},
                                            convert_from(bytes, 'UTF8'))
                  FROM cache_entry('{key}'))",
                micros("created_at"),
                micros("updated_at"),
                micros("expires_at"),
                micros("stale_until")
            ),
            Self::GetMany(keys, format) => {
                let (suffix, keys, value) = (format.suffix(), array(keys), format.jsonb("value"));
                format!("(SELECT jsonb_agg(jsonb_build_array(key, {value})) FROM cache_get_many{suffix}({keys}))")
            }
            Self::Keys(range, after, most) => {
                let (namespace, prefix) = (quoted(range.namespace), quoted(range.prefix));
                format!("(SELECT jsonb_agg(key) FROM cache_keys({namespace}, '{after}', {most}, {prefix}) AS key)")
            }
            Self::Count(range) => format!("to_jsonb(cache_count({}))", range.sql()),
            Self::Delete(key, None) => format!("to_jsonb(cache_delete('{key}'))"),
            Self::Delete(key, Some(version)) => format!("to_jsonb(cache_delete('{key}', '{version}'))"),
            Self::Take(key, format) => format.jsonb(&format!("cache_take{}('{key}')", format.suffix())),
            Self::DeleteMany(keys) => format!("to_jsonb(cache_delete_many({}))", array(keys)),
            Self::Clear(range) => format!("to_jsonb(cache_clear({}))", range.sql()),
            Self::Sweep => "to_jsonb(cache_sweep())".to_owned(),
        }
    }
}

impl Range {
    pub fn contains(self, key: &str) -> bool {
        self.namespace.is_none_or(|namespace| crate::state::namespace(key) == namespace)
            && self.prefix.is_none_or(|prefix| key.starts_with(prefix))
    }

    fn sql(self) -> String {
        format!("{}, {}", quoted(self.namespace), quoted(self.prefix))
    }
}

impl Stored {
    fn sql(&self) -> String {
        match self {
            Self::Json(value) => format!("'{value}'::jsonb"),
            Self::Bytes(text) => format!("convert_to('{text}', 'UTF8')"),
        }
    }
}

/// The ttl as a text.
fn sql_ttl(ttl: Ttl) -> String {
    match ttl {
        Ttl::Default | Ttl::Until(_) => "NULL::text".to_owned(),
        Ttl::For(micros) => format!("'{micros} microseconds'::text"),
        Ttl::Keep => "'keep'::text".to_owned(),
    }
}

/// The argument `expires_at`, if there is one.
fn sql_moment(ttl: Ttl) -> String {
    match ttl {
        Ttl::Until(micros) => format!(", expires_at => clock_timestamp() + interval '{micros} microseconds'"),
        _ => String::new(),
    }
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
