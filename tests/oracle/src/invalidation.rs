//! What a writer tells the cache of the rows that it changes, in the transaction that changes them.
//!
//! Must write keys by number: not all of them belong to a row that the transaction has locked.

use serde_json::{Value, json};

use crate::session::{Blame, Outcome, Session};
use crate::source::Version;
use crate::tally::Count;
use crate::view::{ROW, View, group_tag, tag};

/// Deletes the entries of `rows`, some of which get their new value at once.
pub fn delete(session: &mut Session, rows: &[usize], versions: &[Version]) -> Outcome<()> {
    let keys: Vec<_> = rows.iter().map(|&row| View::Row(row).key()).collect();
    let way = session.dice.roll(10);
    session.run.tally.add(Count::Invalidations);
    rows.iter().for_each(|&row| session.run.history.note(row, session.number, &format!("deletes its key, way {way}")));
    match way {
        0..=2 => return session.call::<i64>("SELECT cache_delete_many($1)", &[&keys]).map(drop),
        // Seldom: for a while after it nothing is stored that an old snapshot shows, and no other fault comes to light.
        3 if session.dice.percent(10) => {
            let (namespace, prefix) = session.dice.pick(&[(Some(ROW), None), (None, None), (None, Some(ROW))]);
            return session.call::<i64>("SELECT cache_clear($1, $2)", &[&namespace, &prefix]).map(drop);
        }
        7 if versions.len() == rows.len() => return set(session, versions),
        _ => {}
    }
    for (row, key) in rows.iter().zip(&keys) {
        let own = versions.iter().find(|(changed, _)| changed == row);
        match (way, own) {
            (4, _) => drop(session.call::<Option<Value>>("SELECT cache_take($1)", &[key])?),
            (5..=6, Some((row, version))) => {
                let value = json!({ row.to_string(): version });
                let ttl = session.dice.ttl();
                let set = "SELECT cache_set($1, $2, $3::text::interval) IS NOT NULL";
                session.blaming::<bool>(Blame::Caller, set, &[key, &value, &ttl])?;
            }
            // A deadline that has come already.
            (8, None) => {
                let set = "SELECT cache_set($1, 'null', expires_at => '-infinity') IS NOT NULL";
                session.blaming::<bool>(Blame::Caller, set, &[key])?;
            }
            (8, _) => drop(session.call::<bool>("SELECT cache_touch($1, expires_at => '-infinity')", &[key])?),
            _ => drop(session.call::<bool>("SELECT cache_delete($1)", &[key])?),
        }
        session.dice.pause();
    }
    Ok(())
}

/// Sets the entries of rows that the transaction has changed to what they are now.
pub fn set(session: &mut Session, versions: &[Version]) -> Outcome<()> {
    let entry = |&(row, version): &Version| (View::Row(row).key(), json!({ row.to_string(): version }));
    let entries: Value = versions.iter().map(entry).collect();
    let ttl = session.dice.ttl();
    let set = "SELECT cache_set_many($1, $2::text::interval)";
    session.blaming::<i64>(Blame::Caller, set, &[&entries, &ttl]).map(drop)
}

/// Invalidates whatever else shows `rows`: by their own tags, or by those of their groups.
pub fn invalidate_tags(session: &mut Session, rows: &[usize]) -> Outcome<()> {
    let by_group = session.dice.percent(30);
    let mut tags: Vec<_> = rows.iter().map(|&row| if by_group { group_tag(row) } else { tag(row) }).collect();
    tags.dedup();
    session.run.tally.add(Count::Invalidations);
    for &row in rows {
        session.run.history.note(row, session.number, &format!("invalidates {tags:?}"));
    }
    session.call::<i64>("SELECT cache_invalidate_tags(VARIADIC $1)", &[&tags]).map(drop)
}
