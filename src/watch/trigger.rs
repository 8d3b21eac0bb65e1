//! The work that follows when a statement has changed rows of a watched table.
//!
//! Owns the trigger function. Must never make the statement fail because of the values in its rows, or because of a
//! missing column: a text that is not a valid key belongs to no entry, and an unknown text can be any key. Keys are
//! deleted in byte order, so that two statements never deadlock on them.

use super::columns::{Columns, RowTexts};
use super::{rows::ChangedRows, templates::Watch, texts::SortedTexts};
use crate::error::{CacheError, ErrorReport};
use crate::pg::{Scratch, trigger};
use crate::stats::{self, Counter};
use crate::{access, catalog, store};
use cache_pg_rules::template::{Reach, Template};
use cache_pg_rules::{key::Key, namespace::Namespace};
use pgrx::prelude::*;
use std::collections::BTreeSet;

/// The trigger on every watched table. The statement triggers have transition tables; the row trigger is for changes
/// that a subscription applies, which fire no statement triggers.
#[pg_extern(sql = false)]
fn cache_watch_trigger(call: pg_sys::FunctionCallInfo) -> Result<(), ErrorReport> {
    // SAFETY: the argument of this call.
    let trigger = unsafe { trigger::of(call) }.map_err(|_| CacheError::NotAWatchTrigger)?;
    // In another version the argument may have another form.
    catalog::check_version()?;
    let arguments = trigger.extra_args().ok();
    let watch = arguments.and_then(|it| Watch::from_arguments(&it)).ok_or(CacheError::NotAWatchTrigger)?;
    if matches!(trigger.op(), Ok(PgTriggerOperation::Truncate)) {
        invalidate_unknown_rows(&watch)?;
    } else {
        invalidate_changed_rows(&trigger, watch)?;
    }
    Ok(())
}

/// Deletes the keys and invalidates the tags of the old and the new rows. For a template with a column whose text is
/// unknown, invalidates everything that some row could make of it.
fn invalidate_changed_rows(trigger: &PgTrigger, watch: Watch) -> Result<(), CacheError> {
    let (old, new) = rows(trigger)?;
    // SAFETY: the relation that the trigger fired on is open.
    let columns = unsafe { Columns::find(trigger.trigger_data().tg_relation, &watch) };
    let (watch, unknown) = watch.split(|template| columns.are_known_for(template));
    let (mut keys, mut tags) = (SortedTexts::default(), SortedTexts::default());
    let has_rows = columns.under_fixed_settings(|| collect(&columns, old, new, &watch, &mut keys, &mut tags));
    if has_rows {
        invalidate_unknown_rows(&unknown)?;
    }
    invalidate(keys, tags)
}

/// The old and the new rows.
fn rows(trigger: &PgTrigger) -> Result<(ChangedRows, ChangedRows), CacheError> {
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
            let row = ChangedRows::one(data.tg_trigslot);
            return Ok(match operation {
                _ if updated => (row, ChangedRows::one(data.tg_newslot)),
                PgTriggerOperation::Insert => (ChangedRows::None, row),
                _ => (row, ChangedRows::None),
            });
        }
        if has_old == data.tg_oldtable.is_null() || has_new == data.tg_newtable.is_null() {
            return Err(CacheError::NotAWatchTrigger);
        }
        Ok((
            ChangedRows::table(data.tg_oldtable, data.tg_relation),
            ChangedRows::table(data.tg_newtable, data.tg_relation),
        ))
    }
}

/// Collects the keys and tags that the rows make of the templates; returns whether there are any rows. It reads the old
/// and the new rows side by side, so that a key that an update has not changed is usually added once. It does not rely
/// on their order.
fn collect(
    columns: &Columns,
    mut old: ChangedRows,
    mut new: ChangedRows,
    watch: &Watch,
    keys: &mut SortedTexts,
    tags: &mut SortedTexts,
) -> bool {
    let (mut was, mut is) = (RowTexts::new(), RowTexts::new());
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
        let mut take = |templates: &[Template], into: &mut SortedTexts| {
            for template in templates.iter().filter(|template| first || !template.is_constant()) {
                let had = rows.0.is_some() && template.fill(&mut before, |name| columns.text(&was, name));
                let has = rows.1.is_some() && template.fill(&mut after, |name| columns.text(&is, name));
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

/// Deletes keys and invalidates tags. The keys come first in every statement, so that two statements do not deadlock.
fn invalidate(keys: SortedTexts, tags: SortedTexts) -> Result<(), CacheError> {
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

/// The texts that are valid keys; no entry has another text as its key or tag.
fn parsed(texts: &[String]) -> Vec<Key<'_>> {
    texts.iter().filter_map(|text| Key::parse(text).ok()).collect()
}

/// Invalidates every key and tag that any row could make of the templates, because the rows or their texts are unknown.
fn invalidate_unknown_rows(watch: &Watch) -> Result<(), CacheError> {
    if watch.templates().next().is_none() {
        return Ok(());
    }
    let access = access::of_the_cache()?;
    let (mut keys, mut tags) = (SortedTexts::default(), SortedTexts::default());
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
        store::clear_namespace(&access, None)?;
    } else {
        for name in &namespaces {
            store::clear_namespace(&access, Namespace::parse(name).ok())?;
        }
    }
    invalidate(keys, tags)
}
