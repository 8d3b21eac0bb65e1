//! Owns the plan of a test run: which suite runs on which PostgreSQL, in which order, and what runs side by side.
//!
//! Must never run anything, nor know more of this machine than which PostgreSQL majors it has.

use std::collections::BTreeMap;

use crate::suites::kind::{Place, Suite};

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
        let is_usual = is_usual(target, targets);
        // A user who names some gets them on each major.
        let is_named = !self.majors.is_empty() || !self.only.is_empty();
        let is_end = is_named || is_end(target.major, targets);
        let here = match suite.place() {
            Place::NoServer => false,
            Place::Every => true,
            Place::Concurrent => target.has_assertions || is_end && !has_twin,
            Place::Ends => is_usual && (is_end || has_twin),
            Place::Fixed(majors) => is_usual && majors.contains(&target.major),
            Place::Newest => is_usual && is_newest(target.major, targets),
        };
        self.has(suite) && here
    }
}

/// Whether a target is the usual one of its major: the one without assertions, if there is one.
fn is_usual(target: Target, targets: &[Target]) -> bool {
    !target.has_assertions || !targets.contains(&Target { has_assertions: false, ..target })
}

fn is_newest(major: u16, targets: &[Target]) -> bool {
    targets.iter().all(|other| other.major <= major)
}

fn is_end(major: u16, targets: &[Target]) -> bool {
    is_newest(major, targets) || targets.iter().all(|other| other.major >= major)
}

/// The lanes before the tests on servers. Compilers use all processors, so no such test runs beside them.
pub fn preparation(targets: &[Target], wishes: Wishes<'_>) -> Vec<Lane> {
    let usual = targets.iter().filter(|target| is_usual(**target, targets)).map(|target| target.major);
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
    let mut scripts = Lane::new();
    for target in targets.iter().filter(|target| is_usual(**target, targets)) {
        scripts.extend(wishes.has(Suite::Sql).then_some(Task::Pgspot(target.major)));
        scripts.extend(wishes.has(Suite::Upgrade).then_some(Task::Released(target.major)));
    }
    let golden = side_by_side(on(Suite::Sql).chain(on(Suite::Isolation)));
    let waiting = on(Suite::Server).map(|task| vec![task]).collect();
    let of = |suites: &[Suite]| suites.iter().copied().flat_map(on).collect::<Lane>();
    let installed = vec![of(&[Suite::Attack, Suite::Readme]), of(&[Suite::Upgrade, Suite::Package, Suite::Image])];
    let alone = of(&[Suite::Oracle, Suite::Clients, Suite::Bench]);
    let mut stages = vec![vec![scripts], golden, waiting, installed, vec![alone]];
    stages.iter_mut().for_each(|lanes: &mut Vec<Lane>| lanes.retain(|lane| !lane.is_empty()));
    stages.retain(|lanes| !lanes.is_empty());
    stages
}

/// One lane for each server: the golden tests wait for most of their time.
fn side_by_side(tasks: impl Iterator<Item = Task>) -> Vec<Lane> {
    let mut lanes: BTreeMap<Target, Lane> = BTreeMap::new();
    for task in tasks {
        if let Task::On(_, target) = task {
            lanes.entry(target).or_default().push(task);
        }
    }
    lanes.into_values().collect()
}

/// The suites that a run of all tests does not take on a target.
pub fn left_out(targets: &[Target], wishes: Wishes<'_>) -> Vec<(Target, Vec<Suite>)> {
    let usual = targets.iter().filter(|target| is_usual(**target, targets));
    let missing = usual.map(|&target| {
        let of_major = targets.iter().filter(|other| other.major == target.major);
        let runs = |suite| of_major.clone().any(|other| wishes.have(suite, *other, targets));
        let long = Suite::on_server().filter(|suite| matches!(suite.place(), Place::Concurrent | Place::Ends));
        (target, long.filter(|suite| wishes.has(*suite) && !runs(*suite)).collect())
    });
    missing.filter(|(_, suites): &(_, Vec<_>)| !suites.is_empty()).collect()
}

/// The suites that are wished for and have no target.
pub fn nowhere(targets: &[Target], wishes: Wishes<'_>) -> Vec<Suite> {
    let runs = |suite| targets.iter().any(|target| wishes.have(suite, *target, targets));
    Suite::on_server().filter(|&suite| wishes.has(suite) && !runs(suite)).collect()
}

#[cfg(test)]
mod tests;
