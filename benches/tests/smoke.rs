//! Owns the test that the benchmark works: every contender does what its statements say, and a whole run ends.
//!
//! Must never assert a time.

use std::sync::Arc;

use anyhow::Result;
use cache_pg_bench::contender::{self, Contender, Field, Session, Ttl};
use cache_pg_bench::operation::{MANY, Operation};
use cache_pg_bench::plan::Plan;
use cache_pg_bench::servers::postgres::Postgres;
use cache_pg_bench::{report, results, targets};
use xtask::postgres;

const SPACE: &str = "smoke";

#[test]
fn every_contender_returns_what_was_set() {
    let postgres = Arc::new(Postgres::start(&postgres::under_test().unwrap(), 128).unwrap());
    let Field { contenders, left_out } = contender::all(&postgres).unwrap();
    for left_out in left_out {
        println!("left out {}: {}", left_out.name, left_out.why);
    }
    // The floor, cache_pg twice, hand-written SQL three times, and four frameworks are always available.
    assert!(contenders.len() >= 10);
    for contender in &contenders {
        contender.create(SPACE).unwrap();
        let mut session = contender.connect(SPACE).unwrap();
        check(contender.as_ref(), session.as_mut()).unwrap();
        drop(session);
        contender.remove(SPACE).unwrap();
    }
}

fn check(contender: &dyn Contender, session: &mut dyn Session) -> Result<()> {
    let name = contender.name();
    let mut value = Vec::new();
    if !contender.offers(Operation::SetExisting) {
        assert!(session.get("a:1", &mut value)?, "{name}");
        return Ok(());
    }
    assert!(!session.get("a:1", &mut value)?, "{name}: a miss");
    for set in [r#"{"dish": "Fries"}"#, r#"{"dish": "Cola"}"#] {
        session.set("a:1", set, Ttl::DAY)?;
        assert!(session.get("a:1", &mut value)?, "{name}: a hit");
        assert_eq!(String::from_utf8_lossy(&value), set, "{name}");
    }
    session.delete("a:1")?;
    assert!(!session.get("a:1", &mut value)?, "{name}: deleted");

    let keys: Vec<_> = (0..MANY).map(|number| format!("b:{number:03}")).collect();
    session.fill(&keys, &[r#"{"dish": "Fries"}"#; MANY], Ttl::DAY)?;
    assert_eq!(session.get_many(&keys)?, MANY, "{name}: many");
    session.set_many(&keys, &[r#"{"dish": "Cola"}"#; MANY], Ttl::DAY)?;
    assert!(session.get("b:042", &mut value)?, "{name}: one of many");
    assert_eq!(String::from_utf8_lossy(&value), r#"{"dish": "Cola"}"#, "{name}");

    if contender.offers(Operation::Incr) {
        session.set("c:1", "41", Ttl::DAY)?;
        session.incr("c:1")?;
        assert!(session.get("c:1", &mut value)?, "{name}: a counter");
        assert_eq!(String::from_utf8_lossy(&value), "42", "{name}");
    }
    assert!(session.process() > 0, "{name}");
    Ok(())
}

#[test]
fn a_whole_run_comes_to_its_end_and_is_reported() {
    let results = results::run(&postgres::under_test().unwrap(), Plan::smoke(), &|what| println!("{what}")).unwrap();
    let cells: usize = results
        .speeds
        .iter()
        .inspect(|speed| assert_eq!(speed.rates.len(), results.plan.rounds, "{}", speed.contender))
        .count();
    assert!(cells > results.contenders.len() * Operation::ALL.len() / 2);
    assert!(results.swept.iter().all(|swept| swept.rows == results.plan.swept));
    assert!(results.watched.iter().all(|watched| !watched.without.0.is_zero() && !watched.with.0.is_zero()));
    assert!(results.growth.iter().all(|growth| growth.pages >= 1.0));
    assert!(results.counted.iter().all(|counted| (0.0..=1.0).contains(&counted.hot) && counted.wal > 0.0));
    // Only targets for sizes that a smoke test does not have are unmeasured.
    let unmeasured = targets::all(&results).into_iter().filter(|target| target.measured.is_none());
    assert!(unmeasured.into_iter().all(|target| target.what.contains("million")));

    let dir = tempfile::tempdir().unwrap();
    report::to(dir.path(), &results).unwrap();
    let document = std::fs::read_to_string(dir.path().join("benchmark.md")).unwrap();
    assert!(results.contenders.iter().all(|contender| document.contains(contender)));
    assert!(std::fs::read_to_string(dir.path().join("benchmark.svg")).unwrap().ends_with("</svg>\n"));

    // The documents get its counts, between their marks. Its times say nothing.
    let docs = dir.path().join("docs");
    std::fs::create_dir(&docs).unwrap();
    for file in ["README.md", "docs/benchmark.md"] {
        std::fs::copy(xtask::paths::project().join(file), dir.path().join(file)).unwrap();
    }
    report::into_docs(dir.path(), &results).unwrap();
    for file in ["README.md", "docs/benchmark.md"] {
        let text = std::fs::read_to_string(dir.path().join(file)).unwrap();
        assert!(text.contains("| HOT updates |") && !text.contains("Keys a second"), "{text}");
    }
    assert!(!docs.join("benchmark.svg").exists());
}
