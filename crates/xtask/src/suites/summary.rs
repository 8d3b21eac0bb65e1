//! Owns the results of the suites: a table and one line.
//!
//! Must never count a suite that was left out as passed.

use std::{fmt, time::Duration};

/// The result of one suite.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Everything in it passed.
    Passed,
    /// Something in it failed: the first line of the error.
    Failed(String),
    /// It did not run; the reason.
    LeftOut(String),
}

/// One suite on one PostgreSQL, or on none.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The suite's name.
    pub suite: String,
    /// The name of the PostgreSQL, for a suite that needs one.
    pub postgres: Option<String>,
    /// Its result.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

impl Outcome {
    /// A suite that did not run.
    pub fn left_out(suite: &str, postgres: Option<String>, why: String) -> Self {
        Self { suite: suite.to_owned(), postgres, verdict: Verdict::LeftOut(why), took: Duration::ZERO }
    }

    /// A suite that could not even begin.
    pub fn failed(suite: &str, postgres: Option<String>, why: String) -> Self {
        Self { suite: suite.to_owned(), postgres, verdict: Verdict::Failed(why), took: Duration::ZERO }
    }

    /// Whether it passed.
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Passed
    }
}

/// All results of a run. It prints as a table that ends with `N passed, N failed`.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    outcomes: Vec<Outcome>,
    took: Option<Duration>,
}

impl Summary {
    /// Adds a result.
    pub fn add(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    /// Says how long the whole run took: less than its suites together where some ran side by side.
    pub fn took(&mut self, all: Duration) {
        self.took = Some(all);
    }

    /// How many suites failed.
    pub fn failed(&self) -> usize {
        let failed = |outcome: &&Outcome| matches!(outcome.verdict, Verdict::Failed(_));
        self.outcomes.iter().filter(failed).count()
    }

    /// How many suites passed.
    pub fn passed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.passed()).count()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<10} {:<10} {:>7}  result", "suite", "PostgreSQL", "seconds")?;
        for outcome in &self.outcomes {
            let postgres = outcome.postgres.as_deref().unwrap_or("-");
            let seconds = outcome.took.as_secs_f64();
            write!(f, "{:<10} {postgres:<10} {seconds:>7.1}  ", outcome.suite)?;
            match &outcome.verdict {
                Verdict::Passed => writeln!(f, "passed")?,
                Verdict::Failed(why) => writeln!(f, "FAILED: {why}")?,
                Verdict::LeftOut(why) => writeln!(f, "left out: {why}")?,
            }
        }
        if let Some(took) = self.took {
            writeln!(f, "{:<10} {:<10} {:>7.1}", "total", "", took.as_secs_f64())?;
        }
        writeln!(f, "\n{} passed, {} failed", self.passed(), self.failed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_what_ran() {
        let mut summary = Summary::default();
        for verdict in [Verdict::Passed, Verdict::Failed("oh".into()), Verdict::LeftOut("no tests".into())] {
            let took = Duration::from_millis(1250);
            summary.add(Outcome { suite: "sql".into(), postgres: Some("18".into()), verdict, took });
        }
        summary.took(Duration::from_millis(61_200));
        let text = summary.to_string();
        assert!(text.contains("\ntotal                    61.2\n"), "{text}");
        assert!(text.ends_with("\n\n1 passed, 1 failed\n"), "{text}");
        assert!(text.contains("sql        18             1.2  FAILED: oh"), "{text}");
        assert!(text.contains("left out: no tests"), "{text}");
    }
}
