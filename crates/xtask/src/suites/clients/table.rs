//! Owns the table of the suite `clients`: each suite of tests, its version, and how its tests ended.
//!
//! Must never leave out why a test was skipped.

use std::{fmt, time::Duration};

use super::counts::Counts;

/// One suite of tests.
#[derive(Debug)]
pub struct Row {
    /// The suite.
    pub suite: &'static str,
    /// The version of whose tests or packages they are.
    pub version: String,
    /// How its tests ended; `None` when it did not come to its end.
    pub counts: Option<Counts>,
    /// How long it took.
    pub took: Duration,
}

/// All of them. All run on the settings as installed.
#[derive(Debug, Default)]
pub struct Table(pub Vec<Row>);

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wide = |texts: &mut dyn Iterator<Item = &str>| texts.map(str::len).max().unwrap_or_default();
        let suites = wide(&mut self.0.iter().map(|row| row.suite)).max("suite".len());
        let versions = wide(&mut self.0.iter().map(|row| &*row.version)).max("version".len());
        writeln!(f, "{:<suites$}  {:<versions$}  passed  failed  skipped  seconds", "suite", "version")?;
        for Row { suite, version, counts, took } in &self.0 {
            write!(f, "{suite:<suites$}  {version:<versions$}  ")?;
            match counts {
                Some(Counts { passed, failed, skipped, .. }) => write!(f, "{passed:>6}  {failed:>6}  {skipped:>7}")?,
                None => write!(f, "it did not come to its end")?,
            }
            writeln!(f, "  {:>7.1}", took.as_secs_f64())?;
        }
        for Row { suite, counts, .. } in &self.0 {
            for (reason, tests) in counts.iter().flat_map(|counts| &counts.reasons) {
                writeln!(f, "  {suite}: {tests} skipped: {reason}")?;
            }
            let told = |counts: &Counts| counts.reasons.values().sum::<usize>();
            let untold = counts.as_ref().map_or(0, |counts| counts.skipped.saturating_sub(told(counts)));
            if untold > 0 {
                writeln!(f, "  {suite}: {untold} skipped: it does not say why")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_skipped_test_has_a_reason() {
        let reasons = [("no memcached".to_owned(), 2)].into();
        let counts = Some(Counts { passed: 106, failed: 1, skipped: 3, reasons });
        let rows = [("Django", counts), ("dogpile", None)];
        let took = Duration::from_millis(1250);
        let row = |(suite, counts)| Row { suite, version: "5.2.19".to_owned(), counts, took };
        assert_eq!(
            Table(rows.map(row).into()).to_string(),
            "suite    version  passed  failed  skipped  seconds\n\
             Django   5.2.19      106       1        3      1.2\n\
             dogpile  5.2.19   it did not come to its end      1.2\n  \
             Django: 2 skipped: no memcached\n  \
             Django: 1 skipped: it does not say why\n"
        );
    }
}
