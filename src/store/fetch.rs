//! Looking up a value together with the right to compute it.
//!
//! Owns leases. A miss hands out one token, and so does a value past its deadline or, with early refresh, near it. The
//! other callers get the value that is there, or wait for the fill. The right to compute is a lease in the row, with a
//! deadline: its holder holds no transaction, lock or connection. The row keeps its version, so for the fence a lease
//! is no write. Must never wait for a transaction that computes nothing, except as long as a commit takes.

use super::image::{Image, is_live};
use super::types::{LeaseOutcome, Look};
use super::{announce, fence, fill, flight, look, open, statements, trial};
use crate::entry::{Lease, NEVER, lease_in_force, value_of};
use crate::heap::{Contention, NO_XID, Row, Seen, Table, View};
use crate::pg::{Steady, Timestamp, Value, backend, clock};
use crate::shared::{secret, server_run};
use crate::wake::{self, Waiter};
use crate::{
    access::Access, durability::with_async_commit, error::CacheError, namespaces::NamespaceOptions, patience, settings,
};
use cache_pg_rules::{key::Key, token::Token};
use std::{cell::OnceCell, time::Duration};

/// The result of a fetch.
#[derive(Default)]
pub struct Fetched {
    pub value: Option<Value>,
    /// Whether the value is past its deadline.
    pub stale: bool,
    /// The right to compute a new value.
    pub token: Option<String>,
}

/// Looks up a key, and waits up to `wait` for a value that another caller computes.
///
/// The token vouches for what the caller reads after this call. So its snapshot may be later than the statement's.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn fetch(access: &Access, key: Key, namespace: &NamespaceOptions, wait: Duration) -> Result<Fetched, CacheError> {
    let end = Steady::from_now(wait);
    let mut commit_end = None;
    let mut seen = Seen::by_statement().for_others();
    let mut view = View::Statement;
    let mut waiter = None;
    // A caller that may not store the value claims nothing and waits for nothing.
    let may_lease = OnceCell::new();
    let ask = || trial::may_lease(access, key);
    loop {
        let found = look::look(access, key, view);
        let early = matches!(&found, Look::Fresh(fresh) if namespace.refreshes_early(fresh.expires_at, fresh.load_us));
        let asks = early || !matches!(found, Look::Fresh(_));
        let outcome = if asks && backend::may_write() && *may_lease.get_or_init(ask) {
            request_lease(access, key, &seen, early)?
        } else {
            LeaseOutcome::Refused
        };
        let (until, end) = match (found, outcome) {
            (Look::Fresh(fresh), outcome) => {
                return Ok(Fetched { value: Some(fresh.value), stale: false, token: outcome.granted() });
            }
            (_, LeaseOutcome::Overtaken(value)) => return Ok(Fetched { value: Some(value), ..Fetched::default() }),
            (Look::Stale(value), outcome) => {
                return Ok(Fetched { value: Some(value), stale: true, token: outcome.granted() });
            }
            (Look::Miss, LeaseOutcome::Taken(until)) if wake::may_wait() => (until.min(end), end),
            (Look::Miss, LeaseOutcome::Blocked) if wake::may_wait() => {
                let end = *commit_end.get_or_insert_with(|| patience::for_commit().min(end));
                (end, end)
            }
            (Look::Miss, outcome) => return Ok(Fetched { token: outcome.granted(), ..Fetched::default() }),
        };
        if Steady::now() >= end {
            // Another caller may have found the key claimed while this backend held the claim.
            wake::now(key);
            return Ok(Fetched::default());
        }
        match &waiter {
            // The next look-up sees a value that was stored before this backend was in the list of waiters.
            None => waiter = Some(Waiter::new(key)),
            Some(waiter) => waiter.sleep(until),
        }
        view = View::Latest;
        seen = Seen::by_latest().for_others();
    }
}

/// Requests the right to compute a value from what `seen` sees, for a caller that may store it. `also_live`: also where
/// the entry is live.
fn request_lease(access: &Access, key: Key, seen: &Seen, also_live: bool) -> Result<LeaseOutcome<String>, CacheError> {
    if !flight::claim(key) {
        // The holder of the claim may release it without waking this backend.
        return Ok(LeaseOutcome::Taken(patience::soon()));
    }
    let announced = announce::row(key);
    let id = backend::random() as i64;
    let now = clock::now();
    let lease = Lease { until: Timestamp(now.0.saturating_add(settings::lease())), id };
    let ask = || {
        if !access.writes_directly() {
            return statements::lease(access, key, lease, seen, also_live);
        }
        open::changing(access, &announced, |table| Ok(lease_row(access, table, key, lease, seen, also_live)))
    };
    let outcome = with_async_commit(access, || fill::without_raising(access, ask));
    flight::release(key);
    if !matches!(outcome, Ok(LeaseOutcome::Granted(()) | LeaseOutcome::Taken(_) | LeaseOutcome::Blocked)) {
        // Another caller may have found the key claimed, and now waits for a wake-up that does not come. A caller that
        // is about to wait itself wakes no waiter: two such callers would only wake each other.
        wake::now(key);
    }
    Ok(outcome?.map(|()| {
        let Seen { xmin, xmax, running, .. } = seen.clone();
        let (issued_at, lease, server_run) = (now.0, settings::lease(), server_run::current());
        Token { issued_at, lease, lease_id: id, server_run, xmin, xmax, running }
            .encode(key.as_str(), &secret::of_tokens())
    }))
}

/// Writes the lease into the row of the key, or into a new row, unless the key is leased or its row is held.
fn lease_row(access: &Access, table: &Table, key: Key, lease: Lease, seen: &Seen, also_live: bool) -> LeaseOutcome<()> {
    let outcome = open::change_entry(&access.tables, table, key, Contention::GiveUp, |row| {
        let now = clock::now();
        if let Some(row) = row {
            if !also_live && is_live(&access.tables, row, now, View::Latest) {
                return (None, overtaken(row));
            }
            if let Some(other) = lease_in_force(row, now) {
                return (None, LeaseOutcome::Taken(Steady::when(other.until)));
            }
        }
        if !fence::passes(table, key, row, seen) {
            return (None, LeaseOutcome::Refused);
        }
        let image = row.map_or(Image { stale_until: Some(lease.until), ..Image::empty(key, NO_XID, now) }, |row| {
            placeholder(access, row, lease, now)
        });
        (Some(Image { lease: Some(lease), ..image }), LeaseOutcome::Granted(()))
    });
    outcome.unwrap_or_else(|| flight::outcome_on_held_row(table, key))
}

/// The row that carries the lease. It keeps its value as long as that may be served.
fn placeholder(access: &Access, row: &Row, lease: Lease, now: Timestamp) -> Image {
    let image = Image::of(row);
    if look::is_served(access, row, now, View::Latest) {
        return image;
    }
    let stale_until = image.stale_until.filter(|until| *until > lease.until).or(Some(lease.until));
    Image { created_at: NEVER, expires_at: now, stale_until, load_us: None, value: None, tagged: None, ..image }
}

/// The answer where a value was stored after the caller's look-up. A caller with an old snapshot may not see it.
fn overtaken(row: &Row) -> LeaseOutcome<()> {
    match value_of(row) {
        Some(value) if !backend::has_old_snapshot() => LeaseOutcome::Overtaken(value),
        _ => LeaseOutcome::Refused,
    }
}
