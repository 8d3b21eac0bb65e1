//! The source's history: which version of each row was committed when. The judge of every read.
//!
//! A version is known to be committed once its commit was acknowledged or somebody has read it from the source. The
//! newest of these is the row's floor: a statement that is sent later must not return an older version (P2). Must never
//! call a version committed that might not be, or the judge would be wrong.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::view::{ROWS, View};

/// The floor of each row at one moment.
pub type Floors = [i64; ROWS];

/// How many of a row's last events are kept, to be shown beside a violation.
const EVENTS: usize = 80;
/// How many violations are shown with them: a cache that is here to be caught has thousands.
const EXPLAINED: usize = 100;

/// The versions of all rows, and what happened to them.
#[derive(Debug)]
pub struct History {
    rows: [Mutex<Row>; ROWS],
    newest: AtomicI64,
    start: Instant,
    violations: Mutex<Vec<String>>,
}

#[derive(Debug)]
struct Row {
    floor: i64,
    versions: BTreeMap<i64, State>,
    events: VecDeque<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Nobody but its transaction may see it.
    Open,
    /// COMMIT was sent. Where the connection broke before the answer, it stays in doubt until the server is back.
    Committing,
    Committed,
    RolledBack,
}

/// A read that is about to be sent.
#[derive(Debug)]
pub struct Read {
    session: usize,
    call: &'static str,
    view: View,
    floors: Floors,
    sent: Duration,
}

impl History {
    /// All rows are at version 0.
    pub fn new() -> Self {
        let row = |_| {
            let versions = BTreeMap::from([(0, State::Committed)]);
            Mutex::new(Row { floor: 0, versions, events: VecDeque::new() })
        };
        Self {
            rows: std::array::from_fn(row),
            newest: AtomicI64::new(0),
            start: Instant::now(),
            violations: Mutex::default(),
        }
    }

    /// What nobody who asks from now on may be given anything older than.
    pub fn floors(&self) -> Floors {
        std::array::from_fn(|row| self.row(row).floor)
    }

    /// A read that sees the database as it is now, or as it was when `floors` were taken.
    pub fn about_to_read(&self, session: usize, call: &'static str, view: View, floors: Option<Floors>) -> Read {
        let floors = floors.unwrap_or_else(|| self.floors());
        Read { session, call, view, floors, sent: self.start.elapsed() }
    }

    /// Judges what `read` has returned.
    pub fn judge(&self, read: &Read, value: &Value) {
        for row in read.view.rows() {
            let floor = read.floors[row];
            let version = value.get(row.to_string()).and_then(Value::as_i64);
            let wrong = match version {
                None => Some("has no version".to_owned()),
                Some(version) if version < floor => Some(format!("is stale: {floor} had been committed")),
                Some(version) => match self.row(row).versions.get(&version) {
                    Some(State::Committed | State::Committing) => None,
                    other => Some(format!("was never committed: it is {other:?}")),
                },
            };
            if let Some(wrong) = wrong {
                let Read { session, call, view, sent, .. } = read;
                let what = format!(
                    "{} {} by session {session}, sent at {}, returned {value}: row {row} {wrong}",
                    call,
                    view.key(),
                    seconds(*sent),
                );
                self.violation(row, &what);
            }
        }
    }

    /// A version for `row` that is greater than all before it, about to be written.
    pub fn attempt(&self, row: usize, session: usize) -> i64 {
        let version = self.newest.fetch_add(1, Ordering::Relaxed) + 1;
        self.row(row).versions.insert(version, State::Open);
        self.note(row, session, &format!("writes {version}"));
        version
    }

    /// COMMIT is about to be sent.
    pub fn committing(&self, row: usize, session: usize, version: i64) {
        self.row(row).versions.insert(version, State::Committing);
        self.note(row, session, &format!("commits {version}"));
    }

    /// COMMIT was acknowledged.
    pub fn committed(&self, row: usize, session: usize, version: i64) {
        self.note(row, session, &format!("has committed {version}"));
        if self.row(row).versions.get(&version) == Some(&State::RolledBack) {
            self.violation(row, &format!("the acknowledged commit of {version} to row {row} was lost in a crash"));
            return;
        }
        self.row(row).is_committed(version);
    }

    /// It will never be seen.
    pub fn rolled_back(&self, row: usize, session: usize, version: i64) {
        self.row(row).versions.insert(version, State::RolledBack);
        self.note(row, session, &format!("has rolled back {version}"));
    }

    /// Somebody has read these versions of the rows of `view` from the source, in a statement of its own.
    pub fn seen_in_source(&self, session: usize, view: View, value: &Value) {
        for row in view.rows() {
            if let Some(version) = value.get(row.to_string()).and_then(Value::as_i64) {
                self.row(row).is_committed(version);
                self.note(row, session, &format!("reads {version} from the source for {}", view.key()));
            }
        }
    }

    /// After a crash `row` is at `version`, and no transaction of before can commit any more.
    pub fn recovered(&self, row: usize, version: i64) {
        let floor = self.row(row).floor;
        if version < floor {
            self.violation(row, &format!("after a crash row {row} is at {version}: {floor} had been committed"));
        }
        let mut recovered = self.row(row);
        recovered.note(self.start.elapsed(), &format!("the server is back, with {version}"));
        for (_, state) in recovered.versions.range_mut(version + 1..) {
            *state = State::RolledBack;
        }
        recovered.is_committed(version);
    }

    /// Something that may explain a violation later.
    pub fn note(&self, row: usize, session: usize, what: &str) {
        self.row(row).note(self.start.elapsed(), &format!("session {session} {what}"));
    }

    /// As [`note`](Self::note), for all rows of `view`.
    pub fn note_all(&self, view: View, session: usize, what: &str) {
        view.rows().for_each(|row| self.note(row, session, what));
    }

    /// What was found so far, each with what led to it.
    pub fn violations(&self) -> Vec<String> {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether anything was found so far.
    pub fn has_violations(&self) -> bool {
        !self.violations.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn violation(&self, row: usize, what: &str) {
        let mut found = format!("at {} {what}", seconds(self.start.elapsed()));
        let mut violations = self.violations.lock().unwrap_or_else(PoisonError::into_inner);
        if violations.len() < EXPLAINED {
            for event in &self.row(row).events {
                found += "\n  ";
                found += event;
            }
        }
        violations.push(found);
    }

    fn row(&self, row: usize) -> MutexGuard<'_, Row> {
        self.rows[row].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}

impl Row {
    fn is_committed(&mut self, version: i64) {
        self.versions.insert(version, State::Committed);
        self.floor = self.floor.max(version);
    }

    fn note(&mut self, at: Duration, what: &str) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(format!("{} {what}", seconds(at)));
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.4}", time.as_secs_f64())
}
