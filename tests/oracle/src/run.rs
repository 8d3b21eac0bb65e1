//! A run: a server of its own, the sessions, and the crashes between them.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use postgres::Client;
use xtask::cluster::{Cluster, LIFETIME_IN_TESTS};

use crate::dice::Dice;
use crate::fault::Fault;
use crate::history::History;
use crate::mode::Mode;
use crate::session::{Outcome, Session};
use crate::tally::{Count, Tally};
use crate::view::ROWS;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cache that is tried.
    pub mode: Mode,
    /// What is wrong with it.
    pub fault: Fault,
    /// For how long; a cache that is there to be caught, until it is.
    pub time: Duration,
    /// What chance is derived from.
    pub seed: u64,
}

/// A run under way.
#[derive(Debug)]
pub struct Run {
    /// What it is.
    pub plan: Plan,
    /// What the source has been.
    pub history: History,
    /// What has happened.
    pub tally: Tally,
    cluster: Cluster,
    /// Held for writing while the server is down.
    up: RwLock<()>,
    /// When it began.
    pub start: Instant,
    failed: AtomicBool,
    blamed: Mutex<Vec<String>>,
}

/// What came of a run.
#[derive(Debug)]
pub struct Summary {
    /// The same plan may find the same again.
    pub plan: Plan,
    /// For how long it ran.
    pub took: Duration,
    /// What happened.
    pub tally: Tally,
    /// Reads that returned what they must not.
    pub violations: Vec<String>,
    /// Conflicts that the cache has made.
    pub blamed: Vec<String>,
}

/// The shortest and the longest time between two crashes, in milliseconds.
const BETWEEN_CRASHES: [usize; 2] = [1_500, 6_000];

/// What a kind of session does again and again.
pub type Step = fn(&mut Session) -> Outcome<()>;

impl Plan {
    /// Whether it runs only until something is found.
    fn is_to_be_caught(&self) -> bool {
        self.fault != Fault::None || matches!(self.mode, Mode::Naive | Mode::Unwatched)
    }

    /// Runs it.
    ///
    /// # Errors
    /// When something fails that must not, whatever the cache does.
    pub fn run(self) -> Result<Summary> {
        let cluster = self.mode.server()?.lifetime(self.time + LIFETIME_IN_TESTS).start()?;
        let mut client = cluster.connect("postgres")?;
        client.batch_execute(self.mode.source())?;
        client.batch_execute(include_str!("../sql/loader.sql"))?;
        client.execute("INSERT INTO source SELECT id, 0 FROM generate_series(0, $1) AS id", &[&(ROWS as i32 - 1)])?;
        self.mode.create(&mut client)?;
        self.fault.seed(&mut client)?;
        let run = Run {
            start: Instant::now(),
            plan: self,
            history: History::new(),
            tally: Tally::default(),
            cluster,
            up: RwLock::default(),
            failed: AtomicBool::new(false),
            blamed: Mutex::default(),
        };
        run.sessions()?;
        let took = run.start.elapsed();
        let Run { plan, history, tally, blamed, .. } = run;
        let blamed = blamed.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Summary { plan, took, tally, violations: history.violations(), blamed })
    }
}

impl Run {
    /// Whether there is time left, nothing has failed, and nobody is caught.
    pub fn goes_on(&self) -> bool {
        let is_caught = self.plan.is_to_be_caught() && self.history.has_violations();
        self.start.elapsed() < self.plan.time && !is_caught && !self.failed.load(Ordering::Relaxed)
    }

    /// A connection; waits while the server is down. Its lease is its own: nothing depends on that all have the same.
    ///
    /// # Errors
    /// When the server does not let it in.
    pub fn connect(&self, dice: &mut Dice) -> Result<Client> {
        let _up = self.up.read().unwrap_or_else(PoisonError::into_inner);
        let mut client = self.cluster.connect("postgres")?;
        let lease = dice.pick(&["100ms", "100ms", "100ms", "300ms", "2s"]);
        client.batch_execute(&format!("SET cache_pg.lease = '{lease}'"))?;
        Ok(client)
    }

    /// What the server's log says of the last deadlock: who ran what.
    pub fn log_of_deadlock(&self) -> String {
        let log = self.cluster.log();
        let lines: Vec<_> = log.lines().collect();
        let last = lines.iter().rposition(|line| line.contains("deadlock detected")).unwrap_or(lines.len());
        lines[last..].iter().take(12).map(|line| format!("\n    {line}")).collect()
    }

    /// A conflict that the cache has made.
    pub fn blame(&self, what: &str) {
        self.blamed.lock().unwrap_or_else(PoisonError::into_inner).push(what.to_owned());
    }

    fn sessions(&self) -> Result<()> {
        let kinds = self.plan.mode.sessions();
        let steps = kinds.iter().flat_map(|&(count, step)| std::iter::repeat_n(step, count));
        thread::scope(|scope| {
            let sessions: Vec<_> = steps
                .enumerate()
                .map(|(number, step)| scope.spawn(move || self.watched(|| Session::new(self, number)?.repeat(step))))
                .collect();
            // A seeded fault has to be found without: each crash ends what had begun to show it.
            let crashes = if self.plan.fault == Fault::None { self.watched(|| self.crashes()) } else { Ok(()) };
            let ended: Vec<_> = sessions.into_iter().map(|session| session.join()).collect();
            // First, because a server that does not come back is lost to all sessions.
            crashes?;
            ended.into_iter().try_for_each(|ended| ended.map_err(|_| anyhow!("a session panicked"))?)
        })
    }

    /// Ends the run for all when one has failed.
    fn watched(&self, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let outcome = work();
        if outcome.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        outcome
    }

    fn crashes(&self) -> Result<()> {
        let mut dice = Dice::new(self.plan.seed, usize::MAX, self.start);
        let [shortest, longest] = BETWEEN_CRASHES;
        loop {
            let next = Instant::now() + Duration::from_millis((shortest + dice.roll(longest - shortest)) as u64);
            while Instant::now() < next {
                if !self.goes_on() {
                    return Ok(());
                }
                thread::sleep(Duration::from_millis(20));
            }
            self.crash(&mut dice).context("while the server was crashed")?;
        }
    }

    /// What workers have done, which a crash forgets.
    fn count_refreshes(&self) -> Result<()> {
        if self.plan.mode.refreshes() {
            let counts = "SELECT sum(refreshes)::bigint, sum(refreshes_refused)::bigint, sum(warmed)::bigint FROM cache_stats WHERE scope = 'total'";
            let row = self.cluster.connect("postgres")?.query_one(counts, &[])?;
            let count = |column| -> Result<u64> { Ok(row.try_get::<_, i64>(column)?.unsigned_abs()) };
            self.tally.add_many(Count::Refreshed, count(0)?);
            self.tally.add_many(Count::RefreshesRefused, count(1)?);
            self.tally.add_many(Count::Warmed, count(2)?);
        }
        Ok(())
    }

    /// Nobody comes in before the history knows which commits have survived.
    fn crash(&self, dice: &mut Dice) -> Result<()> {
        let _down = self.up.write().unwrap_or_else(PoisonError::into_inner);
        self.count_refreshes()?;
        self.cluster.kill9()?;
        self.cluster.start()?;
        self.tally.add(Count::Crashes);
        let mut client = self.cluster.connect("postgres")?;
        for prepared in client.query("SELECT gid FROM pg_prepared_xacts", &[])? {
            let end = dice.pick(&["COMMIT", "ROLLBACK"]);
            client.batch_execute(&format!("{end} PREPARED '{}'", prepared.try_get::<_, String>(0)?))?;
            self.tally.add(Count::Prepared);
        }
        for row in client.query("SELECT row, version FROM source_rows", &[])? {
            self.history.recovered(usize::try_from(row.try_get::<_, i32>(0)?)?, row.try_get(1)?);
        }
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { mode, fault, seed, .. } = &self.plan;
        writeln!(f, "{mode} cache, {fault:?} wrong, {:.1} s, seed {seed}", self.took.as_secs_f64())?;
        write!(f, "{}", self.tally)?;
        writeln!(f, "{:>10} violations", self.violations.len())
    }
}
