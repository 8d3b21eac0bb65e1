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
use crate::history::History;
use crate::mode::Mode;
use crate::session::{Outcome, Session};
use crate::tally::{Count, Tally};
use crate::view::ROWS;
use crate::{reader, sweeper, writer};

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cache that is tried.
    pub mode: Mode,
    /// For how long.
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
    end: Instant,
    failed: AtomicBool,
    blamed: Mutex<Vec<String>>,
}

/// What came of a run.
#[derive(Debug)]
pub struct Summary {
    /// The same plan may find the same again.
    pub plan: Plan,
    /// What happened.
    pub tally: Tally,
    /// Reads that returned what they must not.
    pub violations: Vec<String>,
    /// Conflicts that the cache has made.
    pub blamed: Vec<String>,
}

const WRITERS: usize = 4;
const READERS: usize = 16;
const SWEEPERS: usize = 2;
/// The shortest and the longest time between two crashes, in milliseconds.
const BETWEEN_CRASHES: [usize; 2] = [1_500, 5_000];

/// What a kind of session does again and again.
type Step = fn(&mut Session) -> Outcome<()>;

impl Plan {
    /// Runs it.
    ///
    /// # Errors
    /// When something fails that must not, whatever the cache does.
    pub fn run(self) -> Result<Summary> {
        let cluster = self.mode.server()?.lifetime(self.time + LIFETIME_IN_TESTS).start()?;
        let mut client = cluster.connect("postgres")?;
        client.batch_execute(include_str!("../sql/source.sql"))?;
        client.execute("INSERT INTO source SELECT id, 0 FROM generate_series(0, $1) AS id", &[&(ROWS as i32 - 1)])?;
        self.mode.create(&mut client)?;
        let run = Run {
            end: Instant::now() + self.time,
            plan: self,
            history: History::new(),
            tally: Tally::default(),
            cluster,
            up: RwLock::default(),
            failed: AtomicBool::new(false),
            blamed: Mutex::default(),
        };
        run.sessions()?;
        let Run { plan, history, tally, blamed, .. } = run;
        let blamed = blamed.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Summary { plan, tally, violations: history.violations(), blamed })
    }
}

impl Run {
    /// Whether there is time left, and nothing has failed.
    pub fn goes_on(&self) -> bool {
        Instant::now() < self.end && !self.failed.load(Ordering::Relaxed)
    }

    /// A connection; waits while the server is down. Its lease is its own: nothing depends on that all have the same.
    ///
    /// # Errors
    /// When the server does not let it in.
    pub fn connect(&self, dice: &mut Dice) -> Result<Client> {
        let _up = self.up.read().unwrap_or_else(PoisonError::into_inner);
        let mut client = self.cluster.connect("postgres")?;
        let lease = dice.pick(&["100ms", "300ms", "2s"]);
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
        let kinds = [(WRITERS, writer::step as Step), (READERS, reader::step), (SWEEPERS, sweeper::step)];
        let steps = kinds.iter().flat_map(|&(count, step)| std::iter::repeat_n(step, count));
        thread::scope(|scope| {
            let sessions: Vec<_> = steps
                .enumerate()
                .map(|(number, step)| scope.spawn(move || self.watched(|| Session::new(self, number)?.repeat(step))))
                .collect();
            let crashes = self.watched(|| self.crashes());
            for session in sessions {
                session.join().map_err(|_| anyhow!("a session panicked"))??;
            }
            crashes
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
        let mut dice = Dice::new(self.plan.seed, WRITERS + READERS + SWEEPERS);
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

    /// Nobody comes in before the history knows which commits have survived.
    fn crash(&self, dice: &mut Dice) -> Result<()> {
        let _down = self.up.write().unwrap_or_else(PoisonError::into_inner);
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
        let Plan { mode, time, seed } = &self.plan;
        writeln!(f, "{mode} cache, {} s, seed {seed}", time.as_secs())?;
        write!(f, "{}", self.tally)?;
        writeln!(f, "{:>10} violations", self.violations.len())
    }
}
