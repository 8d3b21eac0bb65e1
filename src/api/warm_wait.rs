//! Waiting until no key is in line to be warmed.
//!
//! Owns what `cache_warm_wait` does: it looks again and again, says how far the workers are, and tells in the end of
//! which keys there is no value. Must never load a key in the caller's session while there are workers: their bounds
//! hold for warming too.

use super::warm_outcome::{failing, judge, told};
use crate::access::{self, Access, Verb};
use crate::ahead::{errors, in_line, loads, looks, warmings};
use crate::error::{self, CacheError, ErrorReport, LoadError};
use crate::pg::procedure::Procedure;
use crate::pg::{Format, Scratch, Steady, clock, latch, try_to, under_transaction};
use crate::shared::directory;
use crate::stats::{self, Counter};
use crate::store::{self, Reloaded};
use crate::{loader, namespaces, settings};
use cache_pg_rules::ahead::BRAKE;
use cache_pg_rules::{key::Key, namespace::Namespace, token::hash};
use pgrx::PgLogLevel;
use pgrx::prelude::*;
use std::time::{Duration, Instant};

/// Checks that the caller may have keys loaded.
///
/// # Errors
/// Those of [`access::check_all`], and [`LoadError::ByExecutor`].
pub(super) fn check_access() -> Result<Access, CacheError> {
    let access = access::check_all(&[Verb::Read, Verb::Write])?;
    access.check_direct()?;
    Ok(access)
}

/// How long to sleep between two looks at least,
const SHORTEST_NAP: Duration = Duration::from_millis(100);
/// and how many times as long as the look has taken.
const NAPS: u32 = 20;
/// How often the progress is reported.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// How many keys are looked up at a time.
const BATCH: usize = 100;

/// A call of the procedure.
pub(super) struct Waiting<'a> {
    procedure: &'a Procedure,
    /// None: all.
    namespace: Option<Namespace<'a>>,
    end: Option<Steady>,
    began: Instant,
    /// How many keys were in line at the first look.
    at_first: Option<u64>,
    report_at: Steady,
    /// Loads of this session that failed since the last one that did not, and the namespace of which they were.
    failures: (u32, String),
    /// The memory of one transaction.
    scratch: Scratch,
}

impl<'a> Waiting<'a> {
    /// Waits for a namespace, or for all, for so long.
    pub fn new(procedure: &'a Procedure, namespace: Option<Namespace<'a>>, timeout: Option<Duration>) -> Self {
        let end = timeout.map(Steady::from_now);
        let (began, report_at) = (Instant::now(), Steady::PAST);
        let (failures, scratch) = ((0, String::new()), Scratch::new());
        Self { procedure, namespace, end, began, at_first: None, report_at, failures, scratch }
    }

    /// Waits until no key is in line.
    ///
    /// # Errors
    /// [`LoadError::WarmTimeout`], [`LoadError::Failing`].
    pub fn run(mut self) -> Result<(), CacheError> {
        loop {
            let started = Instant::now();
            let (left, is_complete, ended) = self.transaction(|namespace| {
                let tables = check_access()?.tables;
                let is_it = |name: &str| namespace.is_none_or(|namespace| namespace.as_str() == name);
                let is_complete = !has_workers()
                    || !loads::to_be_listed(&tables).iter().any(|name| is_it(name))
                        && !looks::is_warming(namespace.map(|namespace| hash(namespace.as_str())));
                let now = clock::now();
                let left = in_line::count(&tables, namespace);
                let is_over = left == Some(0) && is_complete && directory::attached();
                let ended = if is_over { loads::under_way(namespace) } else { Vec::new() };
                if is_over {
                    warmings::end(namespace.map(|namespace| hash(namespace.as_str())), now);
                }
                Ok((left, is_complete, ended))
            })?;
            if left == Some(0) && is_complete {
                return if has_workers() { judge(ended) } else { Ok(()) };
            }
            // Another session is about to lock the table. It is counted again soon.
            let left = left.unwrap_or(0);
            self.report(left);
            self.check_end(left)?;
            let has_loaded = if has_workers() { self.check_failures()? } else { self.load_all(left)? };
            if !has_loaded {
                let nap = SHORTEST_NAP.max(started.elapsed() * NAPS);
                latch::nap(self.end.map_or(nap, |end| nap.min(end.since(Steady::now()).max(SHORTEST_NAP))));
            }
        }
    }

    /// Runs `work` on the namespace in a transaction of its own, and frees the memory that it has used.
    fn transaction<R>(
        &mut self,
        work: impl FnOnce(Option<Namespace>) -> Result<R, CacheError>,
    ) -> Result<R, CacheError> {
        let namespace = self.namespace;
        let result = self.scratch.run(|| under_transaction(|| work(namespace)))?;
        self.procedure.commit();
        Ok(result)
    }

    fn check_end(&self, left: u64) -> Result<(), CacheError> {
        match self.end {
            Some(end) if Steady::now() >= end => {
                Err(LoadError::WarmTimeout { left, has_workers: has_workers() }.into())
            }
            _ => Ok(()),
        }
    }

    /// Says every few seconds how many keys are left.
    fn report(&mut self, left: u64) {
        if left == 0 || Steady::now() < self.report_at {
            return;
        }
        self.report_at = Steady::from_now(REPORT_EVERY);
        let at_first = *self.at_first.get_or_insert(left);
        let rate = at_first.saturating_sub(left) as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        let keys = if left == 1 { "key" } else { "keys" };
        let message = match rate > 0.0 {
            true => format!("{left} {keys} in line, {rate:.1} keys per second, {:.0} s remaining", left as f64 / rate),
            false => format!("{left} {keys} in line"),
        };
        let code = PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION;
        error::report_and_go_on(ErrorReport::new(code, message, "cache_pg"), PgLogLevel::NOTICE);
    }

    /// Checks that the workers have not given up for a while. Nothing was loaded by this session.
    fn check_failures(&mut self) -> Result<bool, CacheError> {
        let paused = self.transaction(|namespace| Ok(loads::failing(&check_access()?.tables, namespace)))?;
        match paused {
            Some((name, failures, last)) => Err(failing(name, failures, &told(last))),
            None => Ok(false),
        }
    }

    /// Loads all keys in line, each in a transaction of its own. Returns whether there was one that could be loaded.
    fn load_all(&mut self, mut left: u64) -> Result<bool, CacheError> {
        let (mut after, mut has_loaded) = (None::<String>, false);
        loop {
            let keys = self.transaction(|namespace| {
                Ok(in_line::first(&check_access()?.tables, namespace, after.as_deref(), BATCH))
            })?;
            let Some(last) = keys.last() else { return Ok(has_loaded) };
            after = Some(last.clone());
            for key in &keys {
                self.check_end(left)?;
                has_loaded |= self.load(key)?;
                left = left.saturating_sub(1);
                self.report(left);
            }
        }
    }

    /// Loads a key. A failure is reported, and takes the key out of the line.
    fn load(&mut self, key: &str) -> Result<bool, CacheError> {
        let Ok(key) = Key::parse(key) else { return Ok(false) };
        let loaded = self.transaction(|_| Ok(try_to(|| load(key))))?;
        match loaded {
            Ok(reloaded) => {
                self.failures.0 = 0;
                let is_stored = reloaded == Reloaded::Stored;
                stats::count(key, Counter::Warmed, is_stored.into());
                Ok(is_stored || reloaded == Reloaded::Null)
            }
            Err(report) => {
                let namespace = key.namespace().as_str();
                let before = if self.failures.1 == namespace { self.failures.0 } else { 0 };
                self.failures = (before + 1, namespace.into());
                let last = errors::explained(key.as_str(), report.message());
                self.transaction(|_| store::leave_out(&check_access()?, key))?;
                if self.failures.0 >= BRAKE {
                    return Err(failing(namespace.into(), self.failures.0, &last));
                }
                error::report_and_go_on(report, PgLogLevel::WARNING);
                Ok(true)
            }
        }
    }
}

/// Whether processes find and load what is in line.
fn has_workers() -> bool {
    directory::attached() && settings::max_workers() > 0 && settings::max_loaders() > 0
}

fn load(key: Key) -> Result<Reloaded, CacheError> {
    let access = check_access()?;
    let tags = in_line::find(&access.tables, key, store::tags_in_line).flatten();
    let Some(tags) = tags else { return Ok(Reloaded::Unneeded) };
    let namespace = namespaces::of(&access.tables, key);
    let name = || key.namespace().as_str().to_owned();
    let function = namespace.loader.as_ref().ok_or_else(|| CacheError::NoLoader(name()))?;
    store::load_in_line(&access, &namespace, key, tags, || {
        Ok(stats::counting_load(key, || loader::function(function, key))?.map(Format::value))
    })
}
