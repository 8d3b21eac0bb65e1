//! What happens when a statement has changed rows of a watched table.
//!
//! Owns the trigger function. Must never make the statement fail for what its rows hold, nor for a column that is not
//! there: a text that is no key is the key of no entry, and what cannot be known may be anything. Keys are deleted in
//! byte order, however many, so that two statements never deadlock on them.

use super::columns::{Columns, Values};
use super::rows::Rows;
use super::templates::Watch;
use super::texts::Texts;
use crate::access;
use crate::error::CacheError;
use crate::pg::scratch::Scratch;
use crate::stats::{self, Counter};
use crate::store;
use cache_pg_rules::key::Key;
use cache_pg_rules::namespace::Namespace;
use cache_pg_rules::template::{Reach, Template};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::collections::BTreeSet;

/// The trigger on every watched table. A statement trigger has transition tables; the row trigger is for what fires no
/// others, the changes that a subscription applies.
#[pg_extern(sql = false)]
fn cache_watch_trigger(call: pg_sys::FunctionCallInfo) -> Result<(), ErrorReport> {
    // SAFETY: the arguments of the call that PostgreSQL has just made; nothing changes them.
    let trigger = unsafe { PgTrigger::from_fcinfo(&*call) }.map_err(|_| CacheError::NotAWatchTrigger)?;
    let watch = trigger.extra_args().ok().and_then(|told| Watch::told(&told)).ok_or(CacheError::NotAWatchTrigger)?;
    if matches!(trigger.op(), Ok(PgTriggerOperation::Truncate)) {
        cleared(&watch)?;
    } else {
        changed(&trigger, watch)?;
    }
    Ok(())
}

/// Deletes the keys and invalidates the tags of the rows as they were and as they are. What the rows make of a template
/// with a column that is not there, or has no text that may be taken, nobody knows.
fn changed(trigger: &PgTrigger, watch: Watch) -> Result<(), CacheError> {
    let (old, new) = rows(trigger)?;
    // SAFETY: the relation that the trigger fired on is open.
    let columns = unsafe { Columns::find(trigger.trigger_data().tg_relation, &watch) };
    let (watch, unknown) = watch.split(|template| columns.suffice(template));
    let (mut keys, mut tags) = (Texts::default(), Texts::default());
    let has_rows = columns.under_fixed_settings(|| collect(&columns, old, new, &watch, &mut keys, &mut tags));
    if has_rows {
        cleared(&unknown)?;
    }
    invalidate(keys, tags)
}

/// The rows as they were and as they are.
fn rows(trigger: &PgTrigger) -> Result<(Rows, Rows), CacheError> {
    let data = trigger.trigger_data();
    let operation = trigger.op().map_err(|_| CacheError::NotAWatchTrigger)?;
    let has_old = !matches!(operation, PgTriggerOperation::Insert);
    let has_new = !matches!(operation, PgTriggerOperation::Delete);
    if !matches!(trigger.when(), Ok(PgTriggerWhen::After)) {
        return Err(CacheError::NotAWatchTrigger);
    }
    // SAFETY: the slots and the transition tables are those of the trigger's event, and live as long as it runs.
    unsafe {
        if matches!(trigger.level(), PgTriggerLevel::Row) {
            let updated = has_old && has_new;
            let row = Rows::one(data.tg_trigslot);
            return Ok(match operation {
                _ if updated => (row, Rows::one(data.tg_newslot)),
                PgTriggerOperation::Insert => (Rows::None, row),
                _ => (row, Rows::None),
            });
        }
        if has_old == data.tg_oldtable.is_null() || has_new == data.tg_newtable.is_null() {
            return Err(CacheError::NotAWatchTrigger);
        }
        Ok((Rows::table(data.tg_oldtable, data.tg_relation), Rows::table(data.tg_newtable, data.tg_relation)))
    }
}

/// Collects what the rows make of the templates; returns whether there are any. The two walks go side by side, so that
/// the key of a row that an update has left as it was is taken once; which row belongs to which is not relied on.
fn collect(columns: &Columns, mut old: Rows, mut new: Rows, watch: &Watch, keys: &mut Texts, tags: &mut Texts) -> bool {
    let (mut was, mut is) = (Values::new(), Values::new());
    let (mut before, mut after) = (String::new(), String::new());
    let mut scratch = Scratch::new();
    let mut first = true;
    loop {
        let rows = (old.next(), new.next());
        if rows.0.is_none() && rows.1.is_none() {
            break;
        }
        was.clear();
        is.clear();
        rows.0.inspect(|row| scratch.run(|| columns.read(*row, &mut was)));
        rows.1.inspect(|row| scratch.run(|| columns.read(*row, &mut is)));
        let mut take = |templates: &[Template], into: &mut Texts| {
            for template in templates.iter().filter(|template| first || !template.is_constant()) {
                let had = rows.0.is_some() && template.fill(&mut before, |name| columns.value(&was, name));
                let has = rows.1.is_some() && template.fill(&mut after, |name| columns.value(&is, name));
                if had {
                    into.push(&before);
                }
                if has && !(had && after == before) {
                    into.push(&after);
                }
            }
        };
        take(&watch.keys, keys);
        take(&watch.tags, tags);
        first = false;
        check_for_interrupts!();
    }
    old.close();
    new.close();
    !first
}

/// The keys before the tags, everywhere: one more thing that is done in the same order.
fn invalidate(keys: Texts, tags: Texts) -> Result<(), CacheError> {
    if keys.is_empty() && tags.is_empty() {
        return Ok(());
    }
    let access = access::of_the_cache()?;
    keys.in_order(|batch| {
        let keys = parsed(batch);
        keys.iter().for_each(|&key| stats::count(key, Counter::Invalidations, 1));
        store::delete(&access, keys).map(|_| ())
    })?;
    tags.in_order(|batch| {
        let tags: Vec<&str> = parsed(batch).into_iter().map(Key::as_str).collect();
        stats::count_invalidated_tags(tags.len() as u64);
        store::tags::invalidate(&access.tables, &tags)
    })
}

/// Texts that are no keys are left out: no entry has such a key, or such a tag.
fn parsed(texts: &[String]) -> Vec<Key<'_>> {
    texts.iter().filter_map(|text| Key::parse(text).ok()).collect()
}

/// Which rows there were, or what they held, nobody can say: everything goes that some row could have made of a
/// template.
fn cleared(watch: &Watch) -> Result<(), CacheError> {
    if watch.templates().next().is_none() {
        return Ok(());
    }
    let access = access::of_the_cache()?;
    let (mut keys, mut tags) = (Texts::default(), Texts::default());
    let mut namespaces = BTreeSet::new();
    let mut everything = false;
    for template in &watch.keys {
        match template.reach() {
            Reach::Key(key) => keys.push(&key),
            Reach::Namespace(name) => {
                namespaces.insert(name);
            }
            Reach::All => everything = true,
        }
    }
    for template in &watch.tags {
        match template.reach() {
            Reach::Key(tag) => tags.push(&tag),
            Reach::Namespace(_) | Reach::All => everything = true,
        }
    }
    if everything {
        store::clear(&access, None)?;
    } else {
        for name in &namespaces {
            store::clear(&access, Namespace::parse(name).ok())?;
        }
    }
    invalidate(keys, tags)
}
