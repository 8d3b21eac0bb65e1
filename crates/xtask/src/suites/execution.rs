//! Owns the execution of planned tasks: each becomes a row of the summary.
//!
//! Must never decide what runs, nor stop at the first failure.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{thread, time::Instant};

use anyhow::{Context, Result};

use super::plan::{Lane, Target, Task};
use super::summary::{Outcome, Summary, Verdict};
use super::{clients, image, kind::Suite, package as package_suite, pgspot, programs, regress};
use crate::package::{self, Package, released};
use crate::{output, postgres::Installation};

/// A test run: its servers, what was built for them, and its results.
pub struct Run<'a> {
    only: &'a [Suite],
    installations: BTreeMap<Target, Installation>,
    packages: Mutex<BTreeMap<u16, Arc<Package>>>,
    summary: Mutex<Summary>,
}

impl<'a> Run<'a> {
    /// A run on `installations`, with nothing built and no results. `only`: the suites whose programs are compiled, all
    /// when empty.
    pub fn new(installations: &[Installation], only: &'a [Suite]) -> Self {
        let targets = installations.iter().map(|installation| (target(installation), installation.clone()));
        Self { only, installations: targets.collect(), packages: Mutex::default(), summary: Mutex::default() }
    }

    /// The servers, oldest first.
    pub fn targets(&self) -> Vec<Target> {
        self.installations.keys().copied().collect()
    }

    /// Adds a server, and installs what was built for its major.
    ///
    /// # Errors
    /// When it cannot be installed there.
    pub fn add(&mut self, installation: Installation) -> Result<()> {
        if let Some(package) = self.package(installation.major) {
            package::install(&package, &installation)?;
        }
        self.installations.insert(target(&installation), installation);
        Ok(())
    }

    /// Adds a result.
    pub fn tell(&self, outcome: Outcome) {
        locked(&self.summary).add(outcome);
    }

    /// The results so far.
    pub fn summary(&self) -> Summary {
        locked(&self.summary).clone()
    }

    /// Runs the lanes side by side. The output of a single lane is shown as it comes, that of several task by task.
    pub fn stage(&self, lanes: &[Lane]) {
        if let [lane] = lanes {
            return lane.iter().for_each(|&task| self.run(task).into_iter().for_each(|outcome| self.tell(outcome)));
        }
        thread::scope(|scope| {
            for lane in lanes {
                scope.spawn(|| lane.iter().for_each(|&task| self.held(task)));
            }
        });
    }

    /// Runs a task, and shows its output when it ends.
    fn held(&self, task: Task) {
        let name = self.title(task);
        println!("\n-- {name} begins beside others; its output follows when it ends");
        let (outcomes, printed) = output::held(|| self.run(task)).unwrap_or_else(|error| {
            (vec![Outcome::failed(&name, None, format!("its output cannot be held: {error:#}"))], String::new())
        });
        // In one piece: print holds the lock of standard output.
        print!("{printed}");
        outcomes.into_iter().for_each(|outcome| self.tell(outcome));
    }

    fn run(&self, task: Task) -> Vec<Outcome> {
        match task {
            Task::Tools => vec![timed("lint", None, programs::lint_tools)],
            Task::Unit => vec![timed("unit", None, programs::unit)],
            Task::Programs => vec![timed("programs", None, || programs::compile(self.only))],
            Task::Warnings(major) => vec![self.usual("lint", major, programs::lint_extension)],
            Task::Build(major) => vec![self.usual("build", major, |installation| self.build(installation))],
            Task::Pgspot(major) => vec![self.built("pgspot", major, pgspot::run)],
            Task::Released(major) => {
                vec![self.built("released", major, |package| released::check(package).map(|()| Verdict::Passed))]
            }
            Task::On(suite, target) => match (self.package(target.major), self.installations.get(&target)) {
                (Some(_), Some(installation)) => on(suite, installation, self.oldest().unwrap_or(installation)),
                _ => vec![not_built(&suite.name(), target.name())],
            },
        }
    }

    fn title(&self, task: Task) -> String {
        match task {
            Task::Tools => "lint".to_owned(),
            Task::Unit => "unit".to_owned(),
            Task::Programs => "programs".to_owned(),
            Task::Warnings(major) => title("lint", Some(&major.to_string())),
            Task::Build(major) => title("build", Some(&major.to_string())),
            Task::Pgspot(major) => title("pgspot", Some(&major.to_string())),
            Task::Released(major) => title("released", Some(&major.to_string())),
            Task::On(suite, target) => title(&suite.name(), Some(&target.name())),
        }
    }

    /// A task on the usual server of this major.
    fn usual(&self, name: &str, major: u16, run: impl FnOnce(&Installation) -> Result<Verdict>) -> Outcome {
        // The one without assertions comes first.
        let installation = self.installations.values().find(|installation| installation.major == major);
        timed(name, installation, || run(installation.context("it is not available")?))
    }

    /// A check of what was built for this major.
    fn built(&self, name: &str, major: u16, check: impl FnOnce(&Package) -> Result<Verdict>) -> Outcome {
        match self.package(major) {
            Some(package) => self.usual(name, major, |_| check(&package)),
            None => not_built(name, major.to_string()),
        }
    }

    /// The oldest server that has the extension.
    fn oldest(&self) -> Option<&Installation> {
        self.installations.values().find(|installation| self.package(installation.major).is_some())
    }

    fn build(&self, installation: &Installation) -> Result<Verdict> {
        let package = package::build(installation)?;
        package::install(&package, installation)?;
        locked(&self.packages).insert(installation.major, Arc::new(package));
        Ok(Verdict::Passed)
    }

    fn package(&self, major: u16) -> Option<Arc<Package>> {
        locked(&self.packages).get(&major).cloned()
    }
}

/// Runs a suite on a server that has the extension. `oldest`: the one that `pg_upgrade` starts from.
pub fn on(suite: Suite, installation: &Installation, oldest: &Installation) -> Vec<Outcome> {
    if suite == Suite::Clients {
        return clients::run(installation);
    }
    let outcome = timed(&suite.name(), Some(installation), || match (suite, suite.program()) {
        (Suite::Upgrade, Some(program)) => programs::upgrade(program, installation, oldest),
        (_, Some(program)) => programs::against(program, installation),
        (Suite::Package, None) => package_suite::run(installation),
        (Suite::Image, None) => image::run(installation),
        (_, None) => regress::run(suite, installation),
    });
    vec![outcome]
}

fn target(installation: &Installation) -> Target {
    Target { major: installation.major, has_assertions: installation.has_assertions }
}

fn not_built(suite: &str, postgres: String) -> Outcome {
    Outcome::left_out(suite, Some(postgres), "it was not built".to_owned())
}

fn title(suite: &str, postgres: Option<&str>) -> String {
    postgres.map_or_else(|| suite.to_owned(), |postgres| format!("{suite} on PostgreSQL {postgres}"))
}

fn timed(suite: &str, installation: Option<&Installation>, run: impl FnOnce() -> Result<Verdict>) -> Outcome {
    let postgres = installation.map(Installation::name);
    output::line(&format!("\n== {}", title(suite, postgres.as_deref())));
    let start = Instant::now();
    let verdict = run().unwrap_or_else(|error| {
        let text = format!("{error:#}");
        output::line(&text);
        Verdict::Failed(text.lines().next().unwrap_or_default().to_owned())
    });
    Outcome { suite: suite.to_owned(), postgres, verdict, took: start.elapsed() }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
