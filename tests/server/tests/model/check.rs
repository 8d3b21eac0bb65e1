//! What may come of a call, and what the cache holds after it.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::operation::{How, New, Operation};
use crate::state::{Entry, Life, State, Window, namespace};

/// Gives the namespace `d` a default of its own.
pub const CONFIGURE: &str = "SELECT cache_configure('d', default_ttl => '20 milliseconds')";
const DEFAULT_OF_D: i64 = 20_000;
const DEFAULT: i64 = 300_000_000;

/// Whether the function may raise: it may where an entry that is no integer is counted up.
pub fn may_be_refused(operation: &Operation, state: &State) -> bool {
    matches!(operation, Operation::Incr(key, ..) if state.entry(key).is_some_and(|entry| !entry.value.is_i64()))
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
            Operation::Incr(key, delta, ttl) => return self.incr(key, *delta, *ttl, state),
            Operation::Touch(key, ttl) => {
                if self.is_true_if(life(key))? {
                    let touched = state.entry_mut(key).context("it is not there")?;
                    touched.deadline = self.deadline(key, *ttl);
                }
            }
            Operation::Get(key) | Operation::GetOrNull(key) => self.value(life(key), key, state)?,
            Operation::Take(key) => {
                self.value(life(key), key, state)?;
                state.delete(key);
            }
            Operation::Exists(key) => drop(self.is_true_if(life(key))?),
            Operation::Ttl(key) => {
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
            Operation::GetMany(keys) => {
                let mut asked: Vec<&str> = Vec::new();
                keys.iter().for_each(|key| {
                    if !asked.contains(key) {
                        asked.push(key)
                    }
                });
                let wanted = asked.iter().map(|&key| (key.to_owned(), life(key)));
                let found = self.list().iter().map(|row| (row[0].as_str().unwrap_or_default(), Some(&row[1])));
                state.lists(wanted.filter(|(_, life)| *life != Life::Dead), found.collect(), usize::MAX)?;
            }
            Operation::Keys(wanted, after, most) => {
                let in_range = |key: &str| key > *after && wanted.is_none_or(|wanted| namespace(key) == wanted);
                let live = state.live(self.window).into_iter().filter(|(key, _)| in_range(key));
                let found = self.list().iter().map(|key| (key.as_str().unwrap_or_default(), None)).collect();
                state.lists(live, found, *most)?;
            }
            Operation::Delete(key) => {
                self.is_true_if(life(key))?;
                state.delete(key);
            }
            Operation::DeleteMany(keys) => self.delete_all(|key| keys.contains(&key), state)?,
            Operation::Clear(wanted) => {
                self.delete_all(|key| wanted.is_none_or(|wanted| namespace(key) == wanted), state)?;
            }
            Operation::Sweep => ensure!(self.number()? >= 0),
        }
        Ok(())
    }

    fn write(&self, how: &How, key: &str, new: &New, state: &mut State) -> Result<()> {
        let life = state.life(key, self.window);
        let same = |version: &String| state.entry(key).is_some_and(|entry| entry.version == *version);
        let mut entry = self.entry(key, new, &new.value);
        let done = match how {
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
            How::Cas(version) => self.is_true_if(if same(version) { life } else { Life::Dead })?,
        };
        if done {
            let replaces = match how {
                How::Set | How::TrySet => life,
                How::Add => Life::Dead,
                How::Replace | How::Cas(_) => Life::Live,
            };
            state.replace(key, entry, replaces);
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
            state.replace(key, self.entry(key, new, &new.value), life);
        }
        Ok(())
    }

    fn incr(&self, key: &str, delta: i64, ttl: Option<i64>, state: &mut State) -> Result<()> {
        let life = state.life(key, self.window);
        let sum = self.number()?;
        let started =
            Entry { tags: None, deadline: self.deadline(key, ttl), ..self.entry(key, &New::of(sum), &sum.into()) };
        let old = state.entry(key).filter(|_| life != Life::Dead);
        let counted = old.filter(|old| old.value.as_i64().map(|value| value + delta) == Some(sum));
        let counted = counted.map(|old| Entry {
            tags: old.tags.clone(),
            created: old.created,
            deadline: old.deadline,
            ..started.clone()
        });
        let may_have_started = life != Life::Live && sum == delta;
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
        let live: Vec<_> = state.live(self.window).into_iter().filter(|(key, _)| chosen(key)).collect();
        let certain = live.iter().filter(|(_, life)| *life == Life::Live).count();
        let count = self.number()?;
        ensure!((certain as i64..=live.len() as i64).contains(&count), "there were {live:?}");
        for (key, _) in live {
            state.delete(&key);
        }
        Ok(())
    }

    fn value(&self, life: Life, key: &str, state: &State) -> Result<()> {
        if self.is_some_if(life)? {
            let entry = state.entry(key).context("it is not there")?;
            ensure!(self.found.as_ref() == Some(&entry.value), "not the value of {entry:?}");
        }
        Ok(())
    }

    fn record(&self, key: &str, entry: &Entry) -> Result<()> {
        let row = self.list();
        let moment = |column: usize| row[column].as_i64().unwrap_or_default();
        let tags = row[2].as_array().map(|tags| tags.iter().filter_map(Value::as_str).collect::<Vec<_>>());
        let same = row[0] == key
            && row[1] == entry.value
            && tags == entry.tags.as_ref().map(|tags| tags.iter().map(String::as_str).collect())
            && row[3] == entry.version
            && entry.created.contains(moment(4))
            && entry.updated.contains(moment(5))
            && entry.deadline.contains(moment(6))
            && moment(7) == moment(6);
        ensure!(same, "not {entry:?}");
        Ok(())
    }

    fn entry(&self, key: &str, new: &New, value: &Value) -> Entry {
        let mut tags: Vec<String> = new.tags.iter().flatten().map(|&tag| tag.to_owned()).collect();
        tags.sort();
        tags.dedup();
        Entry {
            value: value.clone(),
            tags: Some(tags).filter(|tags| !tags.is_empty()),
            version: self.xid.clone(),
            created: self.window,
            updated: self.window,
            deadline: self.deadline(key, new.ttl),
        }
    }

    fn deadline(&self, key: &str, ttl: Option<i64>) -> Window {
        self.window.later(ttl.unwrap_or(if namespace(key) == "d" { DEFAULT_OF_D } else { DEFAULT }))
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
