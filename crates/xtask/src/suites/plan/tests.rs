//! Tests of the plan of a test run.
//!
//! Must never run a suite.

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
fn no_two_lanes_that_run_side_by_side_have_the_same_suite_on_one_server() {
    for lanes in tests(&checked(&[15, 18, 19]), ALL).iter().filter(|lanes| lanes.len() > 1) {
        for (number, lane) in lanes.iter().enumerate() {
            let mut others = lanes.iter().enumerate().filter(|(other, _)| *other != number).flat_map(|(_, lane)| lane);
            assert!(others.all(|task| !lane.contains(task)), "{lanes:?}");
        }
    }
}

#[test]
fn what_measures_or_uses_the_whole_machine_runs_alone() {
    for suite in [Suite::Oracle, Suite::Clients, Suite::Bench] {
        let stages = tests(&checked(&[15, 18, 19]), ALL);
        let has = |lane: &Lane| lane.iter().any(|task| matches!(task, Task::On(other, _) if *other == suite));
        let stage = stages.iter().find(|lanes| lanes.iter().any(has)).unwrap();
        assert_eq!(stage.len(), 1, "{suite:?}");
    }
}

#[test]
fn every_suite_is_in_the_plan() {
    for suite in Suite::on_server() {
        assert!(!places(suite, &checked(&[15, 18, 19]), ALL).is_empty(), "{suite:?}");
    }
}

#[test]
fn one_with_assertions_alone_stands_for_the_usual_one() {
    let alone = [Target { major: 18, has_assertions: true }];
    for suite in [Suite::Sql, Suite::Server, Suite::Attack, Suite::Upgrade, Suite::Image] {
        assert_eq!(places(suite, &alone, ALL), "18-asserts", "{suite:?}");
    }
    let built = preparation(&alone, ALL).into_iter().flatten().any(|task| task == Task::Build(18));
    assert!(built);
}

#[test]
fn a_suite_that_has_no_server_is_left_out_with_a_word() {
    assert!(nowhere(&usual(&[15, 18, 19]), ALL).is_empty());
    assert_eq!(nowhere(&usual(&[16]), ALL), [Suite::Package, Suite::Image]);
    let package = Wishes { majors: &[18], only: &[Suite::Package] };
    assert_eq!(nowhere(&usual(&[18]), package), [Suite::Package]);
}
