//! Owns the reading of what the runners of tests print at their end: pytest, unittest, vitest, Node's own, and those of
//! `clients/python/tests/frameworks`.
//!
//! Must never take a run without a test for one that passed.

use std::collections::BTreeMap;

/// How many tests there were, and how they ended.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed, or did not come to their end.
    pub failed: usize,
    /// Tests that did not run, or were expected to fail.
    pub skipped: usize,
    /// Why tests were skipped, and how many for each reason. A test without a reason is named instead.
    pub reasons: BTreeMap<String, usize>,
}

impl Counts {
    /// The counts in the output of a run; `None` when there are none, or no test ran.
    pub fn read(output: &str) -> Option<Self> {
        let mut counts = [of_ours, of_node, of_unittest, of_words].iter().find_map(|read| read(output))?;
        for (reason, tests) in output.lines().filter_map(reason) {
            *counts.reasons.entry(reason).or_default() += tests;
        }
        let ran = counts.passed + counts.failed;
        (ran > 0).then_some(counts)
    }

    fn add(&mut self, tests: usize, ended: &str) {
        match ended {
            "pass" | "passed" => self.passed += tests,
            "fail" | "failed" | "failures" | "cancelled" | "error" | "errors" | "unexpected successes" | "xpassed" => {
                self.failed += tests;
            }
            "skipped" | "todo" | "xfailed" | "deselected" | "expected failures" => self.skipped += tests,
            // Warnings, subtests, and sums of the others.
            _ => {}
        }
    }
}

/// `  all: 2 passed, 1 failed, 0 skipped`. unittest, which runs below, counts subtests too.
fn of_ours(output: &str) -> Option<Counts> {
    let all = output.lines().rev().find_map(|line| line.strip_prefix("  all: "))?;
    Some(of_list(all))
}

/// Lines such as `# pass 3` (TAP) or `ℹ pass 3`. The tests may print more before.
fn of_node(output: &str) -> Option<Counts> {
    let last = |name: &str| {
        let number =
            |line: &str| line.strip_prefix(['#', 'ℹ'])?.strip_prefix(' ')?.strip_prefix(name)?.trim().parse().ok();
        output.lines().rev().find_map(number)
    };
    let mut counts = Counts::default();
    for ended in ["pass", "fail", "cancelled", "skipped", "todo"] {
        counts.add(last(ended)?, ended);
    }
    Some(counts)
}

/// `Ran 4 tests in 0.001s`, and then `OK`, `OK (skipped=1)` or `FAILED (failures=1, skipped=1)`.
fn of_unittest(output: &str) -> Option<Counts> {
    let mut lines = output.lines().skip_while(|line| !line.starts_with("Ran "));
    let ran: usize = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let result = lines.find(|line| line.starts_with("OK") || line.starts_with("FAILED"))?;
    let mut counts = Counts::default();
    let parts = result.split_once('(').map_or("", |(_, parts)| parts.trim_end_matches(')'));
    for (ended, tests) in parts.split(", ").filter_map(|part| part.split_once('=')) {
        counts.add(tests.parse().ok()?, ended);
    }
    counts.passed = ran.checked_sub(counts.failed + counts.skipped)?;
    Some(counts)
}

/// `== 1 failed, 2 passed in 0.02s ==` of pytest, `Tests  1 failed | 2 passed (3)` of vitest, or `2 passed, 1 failed`.
fn of_words(output: &str) -> Option<Counts> {
    let summary = |line: &&str| {
        let is_list = line.trim_matches(['=', ' ']).starts_with(|it: char| it.is_ascii_digit());
        let ends = [" passed", " failed", " error", " skipped", " deselected"];
        line.trim_start().starts_with("Tests  ") || is_list && ends.iter().any(|end| line.contains(end))
    };
    let line = output.lines().rev().find(summary)?;
    Some(of_list(line.trim_matches(['=', ' ']).trim_start_matches("Tests")))
}

/// `2 passed, 1 failed`, or with `|` between them.
fn of_list(list: &str) -> Counts {
    let mut counts = Counts::default();
    for part in list.split([',', '|']) {
        let mut words = part.split_whitespace();
        if let (Some(Ok(tests)), Some(ended)) = (words.next().map(str::parse), words.next()) {
            counts.add(tests, ended);
        }
    }
    counts
}

/// Why tests were skipped and how many, if `line` says it.
fn reason(line: &str) -> Option<(String, usize)> {
    let line = line.trim();
    // pytest, once for each place.
    if let Some((tests, rest)) = line.strip_prefix("SKIPPED [").and_then(|rest| rest.split_once("] ")) {
        return Some((rest.split_once(": ")?.1.to_owned(), tests.parse().ok()?));
    }
    if let Some(test) = line.strip_prefix("XFAIL ") {
        return Some((format!("expected to fail: {test}"), 1));
    }
    // Ours.
    if let Some((tests, reason)) = line.strip_prefix("skipped ").and_then(|rest| rest.split_once(": ")) {
        return Some((reason.to_owned(), tests.parse().ok()?));
    }
    // unittest.
    if let Some((_, reason)) = line.split_once(" ... skipped ") {
        return Some((reason.trim_matches(['\'', '"']).to_owned(), 1));
    }
    if let Some(test) = line.strip_suffix(" ... expected failure") {
        return Some((format!("expected to fail: {test}"), 1));
    }
    let (test, reason) = match line.strip_prefix("ok ").and_then(|rest| rest.split_once(" - ")) {
        // Node, as TAP.
        Some((_, rest)) => rest.split_once(" # SKIP").or_else(|| Some((rest.split_once(" # TODO")?.0, "to do")))?,
        None => match line.strip_prefix("﹣ ") {
            // Node: `﹣ test (0.1ms) # reason`.
            Some(rest) => (rest.split(" (").next()?, rest.rsplit_once(" # ").map_or("", |(_, reason)| reason)),
            // vitest: `↓ file > test 0ms [reason]`.
            None => {
                let rest = line.strip_prefix("↓ ")?;
                (rest, rest.rsplit_once(" [").map_or("", |(_, reason)| reason.trim_end_matches(']')))
            }
        },
    };
    let said = if reason.trim().is_empty() { test } else { reason };
    Some((said.trim().to_owned(), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(output: &str) -> (usize, usize, usize) {
        let counts = Counts::read(output).unwrap();
        (counts.passed, counts.failed, counts.skipped)
    }

    fn reasons(output: &str) -> String {
        let counts = Counts::read(output).unwrap();
        counts.reasons.iter().map(|(reason, tests)| format!("{tests} {reason}")).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn the_end_of_pytest_is_read() {
        let quiet = "SKIPPED [1] test_a.py:3: no server\nSKIPPED [2] a/b.py:9: sub: it\n\
                     XFAIL test_a.py::test_x - not yet\n3 passed, 3 skipped, 1 xfailed in 0.03s\n";
        assert_eq!(counts(quiet), (3, 0, 4));
        assert_eq!(reasons(quiet), "1 expected to fail: test_a.py::test_x - not yet; 1 no server; 2 sub: it");
        assert_eq!(counts("=== 1 failed, 2 passed, 5 deselected, 1 warning, 2 errors in 0.02s ===\n"), (2, 3, 5));
        assert_eq!(counts("=== 12 passed, 3 subtests passed in 61.02s (0:01:01) ===\n"), (12, 0, 0));
    }

    #[test]
    fn the_end_of_unittest_is_read() {
        let loud = "test_b (a.T.test_b) ... skipped 'not on this'\ntest_c (a.T.test_c) ... expected failure\n\
                    \nRan 4 tests in 0.001s\n\nOK (skipped=1, expected failures=1)\n";
        assert_eq!(counts(loud), (2, 0, 2));
        assert_eq!(reasons(loud), "1 expected to fail: test_c (a.T.test_c); 1 not on this");
        assert_eq!(counts("Ran 4 tests in 0.1s\n\nFAILED (failures=1, errors=2)\nDestroying"), (1, 3, 0));
        assert_eq!(counts("Ran 1 test in 0.1s\n\nOK\n"), (1, 0, 0));
    }

    #[test]
    fn the_end_of_our_own_runners_is_read_and_not_what_runs_below() {
        let text = "Ran 9 tests in 0.1s\n\nFAILED (errors=7)\n\n  skipped 6: not here: no\n  A: 1 passed, 0 failed, 6 skipped\n\
                    \x20 all: 2 passed, 1 failed, 6 skipped\n";
        assert_eq!((counts(text), &*reasons(text)), ((2, 1, 6), "6 not here: no"));
    }

    #[test]
    fn the_end_of_nodes_own_runner_is_read() {
        let tap = "# pass 9\nok 2 - s # SKIP no server\n    ok 3 - silent # SKIP\nok 3 - td # TODO\n1..4\n# tests 7\n\
                   # suites 0\n# pass 2\n# fail 1\n# cancelled 1\n# skipped 2\n# todo 1\n# duration_ms 213.3\n";
        assert_eq!(counts(tap), (2, 2, 3));
        assert_eq!(reasons(tap), "1 no server; 1 silent; 1 to do");
        let spec = "﹣ s (0.14ms) # no server\n﹣ silent (0.1ms)\nℹ tests 4\nℹ pass 2\nℹ fail 0\nℹ cancelled 0\n\
                    ℹ skipped 2\nℹ todo 0\n";
        assert_eq!((counts(spec), &*reasons(spec)), ((2, 0, 2), "1 no server; 1 silent"));
    }

    #[test]
    fn the_end_of_vitest_is_read() {
        let text = " ↓ a.test.js > x > skipped one\n ↓ a.test.js > x > why 0ms [no reason to]\n\n Test Files  1 failed (1)\n\
                    \x20     Tests  1 failed | 1 passed | 2 skipped | 1 todo (5)\n   Duration  346ms\n";
        assert_eq!(counts(text), (1, 1, 3));
        assert_eq!(reasons(text), "1 a.test.js > x > skipped one; 1 no reason to");
    }

    #[test]
    fn a_run_without_tests_has_no_counts() {
        for output in
            ["", "no tests ran in 0.00s\n", "5 deselected in 0.1s\n", "Ran 0 tests in 0.0s\n\nOK\n", "3 apples\n"]
        {
            assert_eq!(Counts::read(output), None, "{output}");
        }
    }
}
