//! Owns the plan of a test run: which suite runs on which PostgreSQL, in which order, and what runs side by side.
//!
//! Must never run anything, nor know more of this machine than which PostgreSQL majors it has.

use super::kind::{Place, Suite};

/// A PostgreSQL to test on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Target {
    /// The major, such as 18.
    pub major: u16,
    /// Whether it is the one that was built with assertions.
    pub has_assertions: bool,
}

impl Target {
    /// Its name, as that of its installation.
    pub fn name(self) -> String {
        format!("{}{}", self.major, if self.has_assertions { "-asserts" } else { "" })
    }
}

/// A part of a test run, with a row of its own in the summary.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Task {
    /// The rules of the house, the formatting, and the warnings of all packages but the extension.
    Tools,
    /// Tests that need no server.
    Unit,
    /// The compilation of tests that are Rust programs.
    Programs,
    /// The warnings of the extension for this major.
    Warnings(u16),
    /// The building of the extension for this major.
    Build(u16),
    /// A check of the SQL that was built for this major.
    Pgspot(u16),
    /// A check of what was built for this major against the scripts of all releases.
    Released(u16),
    /// A suite on a server.
    On(Suite, Target),
}

/// Tasks that run one after the other, while those of other lanes of the same stage run.
pub type Lane = Vec<Task>;

/// The majors and suites that a test run shall have. No majors, or no suites, stands for all.
#[derive(Clone, Copy, Debug)]
pub struct Wishes<'a> {
    /// The majors.
    pub majors: &'a [u16],
    /// The suites.
    pub only: &'a [Suite],
}

impl Wishes<'_> {
    fn has(self, suite: Suite) -> bool {
        self.only.is_empty() || self.only.contains(&suite)
    }

    /// Whether some of it needs a PostgreSQL.
    pub fn need_a_server(self) -> bool {
        self.has(Suite::Lint) || self.need_a_build()
    }

    fn need_a_build(self) -> bool {
        Suite::on_server().any(|suite| self.has(suite))
    }

    /// Whether `suite` runs on `target`, one of all `targets`.
    fn have(self, suite: Suite, target: Target, targets: &[Target]) -> bool {
        let has_twin = targets.contains(&Target { has_assertions: !target.has_assertions, ..target });
        // A user who names some gets them on each major.
        let is_named = !self.majors.is_empty() || !self.only.is_empty();
        let is_end = is_named || is_end(target.major, targets);
        let here = match suite.place() {
            Place::NoServer => false,
            Place::Every => true,
            Place::Concurrent => target.has_assertions || is_end && !has_twin,
            Place::Ends => !target.has_assertions && (is_end || has_twin),
            Place::Fixed(majors) => !target.has_assertions && majors.contains(&target.major),
            Place::Newest => !target.has_assertions && is_newest(target.major, targets),
        };
        self.has(suite) && here
    }
}

fn is_newest(major: u16, targets: &[Target]) -> bool {
    targets.iter().all(|other| other.major <= major)
}

fn is_end(major: u16, targets: &[Target]) -> bool {
    is_newest(major, targets) || targets.iter().all(|other| other.major >= major)
}

/// The lanes before the tests on servers. Compilers use all processors, so no such test runs beside them.
pub fn preparation(targets: &[Target], wishes: Wishes<'_>) -> Vec<Lane> {
    let usual = targets.iter().filter(|target| !target.has_assertions).map(|target| target.major);
    let mut tools = Lane::new();
    tools.extend(wishes.has(Suite::Lint).then_some(Task::Tools));
    tools.extend(wishes.has(Suite::Unit).then_some(Task::Unit));
    let has_programs = Suite::on_server().any(|suite| wishes.has(suite) && suite.program().is_some());
    tools.extend(has_programs.then_some(Task::Programs));
    let mut extension = Lane::new();
    for major in usual {
        // A version of PostgreSQL hides some lines from the compiler. The two ends show it nearly all.
        let warns = wishes.has(Suite::Lint) && (!wishes.majors.is_empty() || is_end(major, targets));
        extension.extend(warns.then_some(Task::Warnings(major)));
        extension.extend(wishes.need_a_build().then_some(Task::Build(major)));
    }
    [tools, extension].into_iter().filter(|lane| !lane.is_empty()).collect()
}

/// The stages of the tests on servers, one after the other; each is a list of lanes.
pub fn tests(targets: &[Target], wishes: Wishes<'_>) -> Vec<Vec<Lane>> {
    let on = |suite| {
        targets
            .iter()
            .filter(move |target| wishes.have(suite, **target, targets))
            .map(move |target| Task::On(suite, *target))
    };
    let mut golden = Lane::new();
    for target in targets.iter().filter(|target| !target.has_assertions) {
        golden.extend(wishes.has(Suite::Sql).then_some(Task::Pgspot(target.major)));
        golden.extend(wishes.has(Suite::Upgrade).then_some(Task::Released(target.major)));
    }
    golden.extend([Suite::Sql, Suite::Isolation].into_iter().flat_map(on));
    let waiting = on(Suite::Server).map(|task| vec![task]).collect();
    let rest = Suite::on_server().filter(|suite| ![Suite::Sql, Suite::Isolation, Suite::Server].contains(suite));
    let alone = rest.flat_map(on).collect();
    let mut stages = vec![vec![golden], waiting, vec![alone]];
    stages.retain(|lanes: &Vec<Lane>| lanes.iter().any(|lane| !lane.is_empty()));
    stages
}

/// The suites that a run of all tests does not take on a target.
pub fn left_out(targets: &[Target], wishes: Wishes<'_>) -> Vec<(Target, Vec<Suite>)> {
    let usual = targets.iter().filter(|target| !target.has_assertions);
    let missing = usual.map(|&target| {
        let of_major = targets.iter().filter(|other| other.major == target.major);
        let runs = |suite| of_major.clone().any(|other| wishes.have(suite, *other, targets));
        let long = Suite::on_server().filter(|suite| matches!(suite.place(), Place::Concurrent | Place::Ends));
        (target, long.filter(|suite| wishes.has(*suite) && !runs(*suite)).collect())
    });
    missing.filter(|(_, suites): &(_, Vec<_>)| !suites.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Wishes<'static> = Wishes { majors: &[], only: &[] };

    fn usual(majors: &[u16]) -> Vec<Target> {
        majors.iter().map(|&major| Target { major, has_assertions: false }).collect()
    }

    fn checked(majors: &[u16]) -> Vec<Target> {
        let mut targets = usual(majors);
        targets.push(Target { major: 18, has_assertions: true });
        targets.sort();
        targets
    }

    /// The names of the servers on which a suite runs.
    fn places(suite: Suite, targets: &[Target], wishes: Wishes<'_>) -> String {
        let on = |task: &Task| match task {
            Task::On(other, target) if *other == suite => Some(target.name()),
            _ => None,
        };
        tests(targets, wishes).iter().flatten().flatten().filter_map(on).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_whole_run_takes_the_long_suites_at_both_ends_and_with_assertions() {
        for (suite, servers) in [
            (Suite::Sql, "15 16 17 18 18-asserts 19"),
            (Suite::Isolation, "15 16 17 18 18-asserts 19"),
            (Suite::Server, "15 18-asserts 19"),
            (Suite::Oracle, "15 18-asserts 19"),
            (Suite::Attack, "15 18 19"),
            (Suite::Readme, "15 18 19"),
            (Suite::Upgrade, "19"),
            (Suite::Package, "15"),
            (Suite::Image, "15 18"),
        ] {
            assert_eq!(places(suite, &checked(&[15, 16, 17, 18, 19]), ALL), servers, "{suite:?}");
        }
    }

    #[test]
    fn without_assertions_the_usual_one_replaces_them() {
        assert_eq!(places(Suite::Server, &usual(&[15, 16, 18]), ALL), "15 18");
        assert_eq!(places(Suite::Server, &usual(&[15, 18, 19]), ALL), "15 19");
    }

    #[test]
    fn with_assertions_the_newest_runs_nothing_twice_but_the_quick_suites() {
        let targets = checked(&[15, 18]);
        assert_eq!(places(Suite::Sql, &targets, ALL), "15 18 18-asserts");
        assert_eq!(places(Suite::Oracle, &targets, ALL), "15 18-asserts");
        assert_eq!(places(Suite::Bench, &targets, ALL), "18");
    }

    #[test]
    fn suites_that_are_named_run_on_each_major() {
        let (targets, only) = (usual(&[15, 16, 17]), [Suite::Server, Suite::Sql]);
        let named = Wishes { majors: &[], only: &only };
        assert_eq!(places(Suite::Server, &targets, named), "15 16 17");
        assert_eq!(places(Suite::Oracle, &targets, named), "");
        let majors = Wishes { majors: &[15, 16, 17], only: &[] };
        assert_eq!(places(Suite::Readme, &targets, majors), "15 16 17");
        assert!(left_out(&targets, named).is_empty() && left_out(&targets, majors).is_empty());
    }

    #[test]
    fn the_majors_between_leave_out_the_long_suites_with_a_word() {
        let long = vec![Suite::Server, Suite::Attack, Suite::Oracle, Suite::Readme];
        let between = |major| (Target { major, has_assertions: false }, long.clone());
        assert_eq!(left_out(&checked(&[15, 16, 17, 18, 19]), ALL), [between(16), between(17)]);
        assert_eq!(left_out(&usual(&[15, 18, 19]), ALL), [between(18)]);
    }

    #[test]
    fn each_major_is_built_once_and_the_warnings_are_asked_for_at_both_ends() {
        let targets = checked(&[15, 16, 18]);
        let [tools, extension] = &preparation(&targets, ALL)[..] else { panic!("not two lanes") };
        assert_eq!(tools[..], [Task::Tools, Task::Unit, Task::Programs]);
        let (warnings, build) = (Task::Warnings, Task::Build);
        assert_eq!(extension[..], [warnings(15), build(15), build(16), warnings(18), build(18)]);
    }

    #[test]
    fn a_lint_builds_nothing_and_sql_compiles_no_programs() {
        let lint = Wishes { majors: &[16], only: &[Suite::Lint] };
        assert_eq!(preparation(&usual(&[16]), lint), [[Task::Tools], [Task::Warnings(16)]]);
        assert!(tests(&usual(&[16]), lint).is_empty());
        let sql = Wishes { majors: &[], only: &[Suite::Sql] };
        assert_eq!(preparation(&usual(&[16]), sql), [[Task::Build(16)]]);
        assert!(!Wishes { majors: &[], only: &[Suite::Unit] }.need_a_server() && lint.need_a_server());
    }

    #[test]
    fn what_runs_side_by_side_is_the_same_suite_on_several_servers() {
        let stages = tests(&checked(&[15, 18, 19]), ALL);
        let side_by_side: Vec<_> = stages.iter().filter(|lanes| lanes.len() > 1).flatten().flatten().collect();
        assert_eq!(side_by_side.len(), 3);
        assert!(side_by_side.iter().all(|task| matches!(task, Task::On(Suite::Server, _))));
    }
}
