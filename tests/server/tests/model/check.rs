//! What may come of a call, and what the cache holds after it.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;

use crate::operation::{Format, How, New, Operation, Ttl};
use crate::state::{Entry, Life, State, Stored, Window, namespace};

/// Gives the namespace `d` a default of its own.
pub const CONFIGURE: &str = "SELECT cache_configure('d', default_ttl => '20 milliseconds')";
const DEFAULT_OF_D: i64 = 20_000;
const DEFAULT: i64 = 300_000_000;

/// Whether the function may raise: it may where an entry that is no integer is counted up, where bytes are to be read
/// as JSON, and where an entry is no lock.
pub fn may_be_refused(operation: &Operation, state: &State) -> bool {
    let holds = |key: &str, of: fn(&Stored) -> bool| state.entry(key).is_some_and(|entry| of(&entry.value));
    let bytes = |key: &str| holds(key, |value| matches!(value, Stored::Bytes(_)));
    match operation {
        Operation::Incr(key, ..) => holds(key, |value| value.integer().is_none()),
        Operation::Lock(key, ..) | Operation::Unlock(key, _) | Operation::LockOwner(key) => {
            holds(key, |value| value.owner().is_none())
        }
        Operation::Get(key, Format::Json)
        | Operation::Take(key, Format::Json)
        | Operation::GetAndTouch(key, _, Format::Json) => bytes(key),
        Operation::GetMany(keys, Format::Json) => keys.iter().any(|key| bytes(key)),
        _ => false,
    }
}

/// What a call returned, when it ran, and in which transaction, where it writes.
pub struct Outcome {
    /// SQL NULL and no row are None; JSON null is a value.
    pub found: Option<Value>,
    pub window: Window,
    pub xid: String,
}

impl Outcome {
    /// Fails unless the outcome is one that `state` allows; then brings the state up to date.
    pub fn check(&self, operation: &Operation, state: &mut State) -> Result<()> {
        let life = |key: &str| state.life(key, self.window);
        let entry = |key: &str| state.entry(key).context("it is not there");
        match operation {
            Operation::Write(how, key, new) => return self.write(how, key, new, state),
            Operation::SetMany(keys, new) => return self.set_many(keys, new, state),
            Operation::SetArrays(entries) => return self.set_arrays(entries, state),
            Operation::Incr(key, delta, ttl, start) => return self.incr(key, *delta, *ttl, *start, state),
            Operation::Touch(key, ttl, version) => {
                let is_same = version.as_ref().is_none_or(|version| has_version(state, key, version));
                if self.is_true_if(if is_same { life(key) } else { Life::Dead })? {
                    self.touch(key, *ttl, state)?;
                }
            }
            Operation::GetAndTouch(key, ttl, format) => {
                self.value(life(key), key, *format, state)?;
                if self.found.is_some() {
                    self.touch(key, *ttl, state)?;
                }
            }
            Operation::Lock(key, owner, ttl) => return self.lock(key, owner, *ttl, state),
            Operation::Unlock(key, owner) => {
                let is_held = state.entry(key).is_some_and(|entry| entry.value.owner() == Some(owner));
                if self.is_true_if(if is_held { life(key) } else { Life::Dead })? {
                    state.delete(key);
                }
            }
            Operation::LockOwner(key) => {
                if self.is_some_if(life(key))? {
                    let owner = self.found.as_ref().and_then(Value::as_str);
                    ensure!(entry(key)?.value.owner() == owner, "not the owner in {:?}", entry(key)?);
                }
            }
            Operation::Get(key, format) => self.value(life(key), key, *format, state)?,
            Operation::GetOrNull(key) => match state.entry(key) {
                Some(Entry { value: Stored::Bytes(_), .. }) => ensure!(self.found.is_none(), "it holds bytes"),
                _ => self.value(life(key), key, Format::Json, state)?,
            },
            Operation::Take(key, format) => {
                self.value(life(key), key, *format, state)?;
                state.delete(key);
            }
            Operation::Exists(key) => drop(self.is_true_if(life(key))?),
            Operation::Ttl(key) | Operation::TtlSeconds(key) => {
                if self.is_some_if(life(key))? {
                    let Window { from, to } = entry(key)?.deadline;
                    let remaining = Window { from: (from - self.window.to).max(0), to: to - self.window.from };
                    ensure!(remaining.contains(self.number()?), "not within {remaining:?}");
                }
            }
            Operation::ExpiresAt(key) => {
                if self.is_some_if(life(key))? {
                    ensure!(entry(key)?.deadline.contains(self.number()?), "not the deadline of {:?}", entry(key)?);
                }
            }
            Operation::Entry(key) => {
                if self.is_some_if(life(key))? {
                    self.record(key, entry(key)?)?;
                }
            }
            Operation::GetMany(keys, format) => {
                let mut asked: Vec<&str> = Vec::new();
                keys.iter().for_each(|key| {
                    if !asked.contains(key) {
                        asked.push(key)
                    }
                });
                let wanted = asked.iter().map(|&key| (key.to_owned(), life(key)));
                let found = self.list().iter().map(|row| (row[0].as_str().unwrap_or_default(), Some(&row[1])));
                state.lists(
                    wanted.filter(|(_, life)| *life != Life::Dead),
                    found.collect(),
                    *format == Format::Bytes,
                    usize::MAX,
                )?;
            }
            Operation::Keys(range, after, most) => {
                let in_range = |key: &str| key > *after && range.contains(key);
                let live = state.live(self.window).into_iter().filter(|(key, _)| in_range(key));
                let found = self.list().iter().map(|key| (key.as_str().unwrap_or_default(), None)).collect();
                state.lists(live, found, false, *most)?;
            }
            Operation::Count(range) => drop(self.count_of(|key| range.contains(key), state)?),
            Operation::Delete(key, version) => {
                let is_same = version.as_ref().is_none_or(|version| has_version(state, key, version));
                let is_deleted = self.is_true_if(if is_same { life(key) } else { Life::Dead })?;
                if is_deleted || version.is_none() {
                    state.delete(key);
                }
            }
            Operation::DeleteMany(keys) => self.delete_all(|key| keys.contains(&key), state)?,
            Operation::Clear(range) => self.delete_all(|key| range.contains(key), state)?,
            Operation::Sweep => ensure!(self.number()? >= 0),
        }
        Ok(())
    }

    fn write(&self, how: &How, key: &str, new: &New, state: &mut State) -> Result<()> {
        let life = state.life(key, self.window);
        let mut entry = self.entry(key, new, state);
        let done = match how {
            // The deadline has come already.
            How::Set if matches!(new.ttl, Ttl::Until(..0)) => {
                ensure!(self.window.contains(self.number()?), "not a moment within {:?}", self.window);
                true
            }
            How::Set => {
                ensure!(entry.deadline.contains(self.number()?), "not a deadline within {:?}", entry.deadline);
                entry.deadline = Window { from: self.number()?, to: self.number()? };
                true
            }
            How::TrySet => self.is_true_if(Life::Live)?,
            How::Add => self.is_true_if(match life {
                Life::Live => Life::Dead,
                Life::Dead => Life::Live,
                Life::Either => Life::Either,
            })?,
            How::Replace => self.is_true_if(life)?,
            How::Cas(version) => self.is_true_if(if has_version(state, key, version) { life } else { Life::Dead })?,
        };
        if done {
            let replaces = match how {
                How::Set | How::TrySet => life,
                How::Add => Life::Dead,
                How::Replace | How::Cas(_) => Life::Live,
            };
            self.put(key, new.ttl, entry, replaces, state);
        }
        Ok(())
    }

    /// Puts an entry into the state, or removes it where its deadline has come already.
    fn put(&self, key: &str, ttl: Ttl, entry: Entry, replaces: Life, state: &mut State) {
        match ttl {
            Ttl::Until(..0) => state.delete(key),
            _ => state.replace(key, entry, replaces),
        }
    }

    fn touch(&self, key: &str, ttl: Ttl, state: &mut State) -> Result<()> {
        if let Ttl::Until(..0) = ttl {
            state.delete(key);
        } else if !matches!(ttl, Ttl::Keep) {
            let deadline = self.deadline(key, ttl, state);
            state.entry_mut(key).context("it is not there")?.deadline = deadline;
        }
        Ok(())
    }

    fn lock(&self, key: &str, owner: &str, ttl: Ttl, state: &mut State) -> Result<()> {
        let life = state.life(key, self.window);
        let is_held = state.entry(key).is_some_and(|entry| entry.value.owner() == Some(owner));
        let is_free = match life {
            _ if is_held => Life::Live,
            Life::Live => Life::Dead,
            Life::Dead => Life::Live,
            Life::Either => Life::Either,
        };
        if self.is_true_if(is_free)? {
            let new = New { value: Stored::Json(owner.into()), ttl, tags: None };
            let entry = self.entry(key, &new, state);
            state.replace(key, entry, if is_held { life } else { Life::Dead });
        }
        Ok(())
    }

    /// Of a key that is given twice the last value counts.
    fn set_arrays(&self, entries: &[(&'static str, New)], state: &mut State) -> Result<()> {
        let tags = entries.first().and_then(|(_, first)| first.tags.clone());
        let last: BTreeMap<_, _> = entries.iter().map(|(key, new)| (*key, new)).collect();
        ensure!(self.number()? == last.len() as i64);
        for (key, new) in last {
            let life = state.life(key, self.window);
            let entry = self.entry(key, &New { tags: tags.clone(), ..new.clone() }, state);
            state.replace(key, entry, life);
        }
        Ok(())
    }

    fn set_many(&self, keys: &[&str], new: &New, state: &mut State) -> Result<()> {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        ensure!(self.number()? == keys.len() as i64);
        for key in keys {
            let life = state.life(key, self.window);
            let entry = self.entry(key, new, state);
            state.replace(key, entry, life);
        }
        Ok(())
    }

    fn incr(&self, key: &str, delta: i64, ttl: Ttl, start: Option<i64>, state: &mut State) -> Result<()> {
        let life = state.life(key, self.window);
        if self.found.is_none() {
            ensure!(start.is_none() && life != Life::Live, "nothing was counted");
            return Ok(());
        }
        let sum = self.number()?;
        // A counter starts with the default where it is to keep a deadline: a live one keeps its own in any case.
        let ttl = if matches!(ttl, Ttl::Keep) { Ttl::Default } else { ttl };
        let started = self.entry(key, &New { value: Stored::Json(sum.into()), ttl, tags: None }, state);
        let old = state.entry(key).filter(|_| life != Life::Dead);
        let counted = old.filter(|old| old.value.integer().map(|value| value + delta) == Some(sum));
        let counted = counted.map(|old| Entry {
            tags: old.tags.clone(),
            created: old.created,
            deadline: old.deadline,
            ..started.clone()
        });
        let may_have_started = life != Life::Live && start.is_some_and(|start| sum == start + delta);
        let entry = match counted {
            // Which of the two it was does not show.
            Some(counted) if may_have_started && life == Life::Either => Entry {
                created: counted.created.or(started.created),
                deadline: counted.deadline.or(started.deadline),
                ..counted
            },
            Some(counted) => counted,
            None if may_have_started => started,
            None => bail!("not the sum of {delta} and {old:?}"),
        };
        state.put(key, entry);
        Ok(())
    }

    fn delete_all(&self, chosen: impl Fn(&str) -> bool, state: &mut State) -> Result<()> {
        for key in self.count_of(chosen, state)? {
            state.delete(&key);
        }
        Ok(())
    }

    /// Checks that so many entries were found. Returns the keys of those that there may have been.
    fn count_of(&self, chosen: impl Fn(&str) -> bool, state: &State) -> Result<Vec<String>> {
        let live: Vec<_> = state.live(self.window).into_iter().filter(|(key, _)| chosen(key)).collect();
        let certain = live.iter().filter(|(_, life)| *life == Life::Live).count();
        let count = self.number()?;
        ensure!((certain as i64..=live.len() as i64).contains(&count), "there were {live:?}");
        Ok(live.into_iter().map(|(key, _)| key).collect())
    }

    fn value(&self, life: Life, key: &str, format: Format, state: &State) -> Result<()> {
        if self.is_some_if(life)? {
            let entry = state.entry(key).context("it is not there")?;
            let is_right = |found| entry.value.is(found, format == Format::Bytes);
            ensure!(self.found.as_ref().is_some_and(is_right), "not the value of {entry:?}");
        }
        Ok(())
    }

    fn record(&self, key: &str, entry: &Entry) -> Result<()> {
        let row = self.list();
        let moment = |column: usize| row[column].as_i64().unwrap_or_default();
        let tags = row[2].as_array().map(|tags| tags.iter().filter_map(Value::as_str).collect::<Vec<_>>());
        let is_value = match entry.value {
            Stored::Json(ref value) => row[1] == *value && row[8].is_null(),
            Stored::Bytes(text) => row[1].is_null() && row[8] == text,
        };
        let same = row[0] == key
            && is_value
            && tags == entry.tags.as_ref().map(|tags| tags.iter().map(String::as_str).collect())
            && row[3] == entry.version
            && entry.created.contains(moment(4))
            && entry.updated.contains(moment(5))
            && entry.deadline.contains(moment(6))
            && moment(7) == moment(6);
        ensure!(same, "not {entry:?}");
        Ok(())
    }

    /// A new entry.
    fn entry(&self, key: &str, new: &New, state: &State) -> Entry {
        let mut tags: Vec<String> = new.tags.iter().flatten().map(|&tag| tag.to_owned()).collect();
        tags.sort();
        tags.dedup();
        Entry {
            value: new.value.clone(),
            tags: Some(tags).filter(|tags| !tags.is_empty()),
            version: self.xid.clone(),
            created: self.window,
            updated: self.window,
            deadline: self.deadline(key, new.ttl, state),
        }
    }

    fn deadline(&self, key: &str, ttl: Ttl, state: &State) -> Window {
        let by_default = self.window.later(if namespace(key) == "d" { DEFAULT_OF_D } else { DEFAULT });
        let kept = state.entry(key).filter(|_| matches!(ttl, Ttl::Keep)).map(|entry| entry.deadline);
        match (ttl, kept, state.life(key, self.window)) {
            (Ttl::For(micros) | Ttl::Until(micros), ..) => self.window.later(micros),
            (_, Some(kept), Life::Live) => kept,
            (_, Some(kept), Life::Either) => kept.or(by_default),
            _ => by_default,
        }
    }

    fn number(&self) -> Result<i64> {
        self.found.as_ref().and_then(Value::as_i64).context("not a number")
    }

    fn list(&self) -> &[Value] {
        self.found.as_ref().and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn is_some_if(&self, life: Life) -> Result<bool> {
        life.agrees(self.found.is_some())
    }

    fn is_true_if(&self, life: Life) -> Result<bool> {
        life.agrees(self.found.as_ref().and_then(Value::as_bool).context("not a boolean")?)
    }
}

fn has_version(state: &State, key: &str, version: &str) -> bool {
    state.entry(key).is_some_and(|entry| entry.version == version)
}
