//! Starting short-lived processes of one kind, for the launcher.
//!
//! Owns what the sweepers and the loaders have in common: each works for one database, the launcher learns of its end,
//! and the log says once that there is no process to be had. Must never decide where one is due.

use crate::error;
use crate::pg::backend;
use pgrx::PgMemoryContexts;
use pgrx::bgworkers::{BackgroundWorkerBuilder, DynamicBackgroundWorker};
use pgrx::pg_sys::Oid;
use pgrx::prelude::*;

pub(super) struct Starter {
    /// As `pg_stat_activity` shows it.
    kind: &'static str,
    function: &'static str,
    /// The warning where there is no process, and what follows from that.
    warning: (&'static str, &'static str),
    /// Whether the log already has the warning.
    has_warned: bool,
    /// The memory context of the handles. It is reset whenever there are none.
    handles: PgMemoryContexts,
}

impl Starter {
    pub fn new(kind: &'static str, function: &'static str, warning: (&'static str, &'static str)) -> Self {
        Self { kind, function, warning, has_warned: false, handles: PgMemoryContexts::new(kind) }
    }

    /// Starts a process for a database. `are_none`: no handle of an earlier one is used any more.
    pub fn start(&mut self, database: Oid, are_none: bool) -> Option<DynamicBackgroundWorker> {
        let worker = BackgroundWorkerBuilder::new(&format!("{} for database {}", self.kind, database.to_u32()))
            .set_type(self.kind)
            .set_library("cache_pg")
            .set_function(self.function)
            .set_argument(database.into_datum())
            .set_notify_pid(backend::pid())
            .enable_spi_access();
        // SAFETY: the context lives as long as the launcher, and is reset only while there is no handle.
        let started = unsafe {
            if are_none {
                self.handles.reset();
            }
            self.handles.switch_to(|_| worker.load_dynamic())
        };
        if started.is_err() && !self.has_warned {
            let (warning, detail) = self.warning;
            let hint = "Raise \"max_worker_processes\".";
            error::warn(PgSqlErrorCode::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, warning, detail, hint);
        }
        self.has_warned = started.is_err();
        started.ok()
    }
}
