//! Owns the comparison of our client with pgbench: whether the client is the bottleneck.
//!
//! Run it yourself: `taskset -c 0 cargo t --release -p cache_pg_bench --test pgbench -- --ignored --nocapture`, so
//! that clients and server share one processor.
//!
//! Must never fail because of a speed.

use std::{os::unix::fs::PermissionsExt, process::Command, sync::Arc, sync::atomic::AtomicBool, time::Duration};

use anyhow::{Context, Result};
use cache_pg_bench::contender::{self, Ttl, names};
use cache_pg_bench::keys::{Distribution, Keys};
use cache_pg_bench::load::{self, Fresh, Turn};
use cache_pg_bench::operation::Operation;
use cache_pg_bench::servers::postgres::Postgres;
use cache_pg_bench::statistics::median;
use cache_pg_bench::values::Values;
use xtask::{postgres, process};

/// pgbench cannot write our keys, so both read this one.
const KEY: &str = "tenant:00000000";

const ROUNDS: usize = 7;

#[test]
#[ignore = "it measures, and tests nothing"]
fn beside_pgbench() {
    let installation = postgres::under_test().unwrap();
    let server = Arc::new(Postgres::start(&installation, 256).unwrap());
    let values = Values::new(120);
    println!("{:12} {:>10} {:>10}", "reads/s", "our client", "pgbench");
    for contender in contender::instructive(&server) {
        contender.create("pgbench").unwrap();
        let mut session = contender.connect("pgbench").unwrap();
        if contender.offers(Operation::SetExisting) {
            session.set(KEY, values.first(0), Ttl::DAY).unwrap();
        }
        let sql = match contender.name() {
            names::FLOOR => "SELECT :key::text",
            names::CACHE_PG => "SELECT cache_get(:key)",
            _ => "SELECT value FROM cache WHERE key = :key AND expires_at > now()",
        };
        let database = contender.table("pgbench").map_or_else(|| "postgres".to_owned(), |(database, _)| database);
        let script = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o644)).tempfile().unwrap();
        std::fs::write(script.path(), sql).unwrap();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let turn = Turn {
                operation: Operation::GetHit,
                keys: &Keys::new(1, Distribution::Uniform),
                values: &values,
                fresh: &Fresh::default(),
                limit: Duration::from_secs(1),
                stop: &AtomicBool::new(false),
                beside: None,
            };
            ours.push(load::take(std::slice::from_mut(&mut session), turn).unwrap().rate);
            let mut pgbench = installation.command("pgbench");
            pgbench.args(["--no-vacuum", "--protocol=prepared", "--time=1", "--define", &format!("key={KEY}")]);
            pgbench.arg("--file").arg(script.path()).arg("--username=postgres");
            pgbench.arg("--host").arg(server.socket().with_file_name(""));
            pgbench.arg("--port").arg(server.socket().extension().unwrap()).arg(&database);
            theirs.push(tps(&mut pgbench).unwrap());
        }
        println!("{:12} {:>10.0} {:>10.0}", contender.name(), median(&ours).unwrap(), median(&theirs).unwrap());
    }
}

fn tps(pgbench: &mut Command) -> Result<f64> {
    let printed = process::output(process::as_server_user(pgbench)?)?;
    let number = printed.split_once("tps = ").and_then(|(_, rest)| rest.split(' ').next());
    Ok(number.context("pgbench printed no rate")?.parse()?)
}
