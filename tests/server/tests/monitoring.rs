//! The files of `monitoring`, with the real programs: what is exported is true, and what is drawn and alerted on is
//! exported.
//!
//! Left out where Debian's packages cannot be had.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use cache_pg_server_tests::{PATIENCE, create_database, create_extension, left_out, swift_server};
use postgres::Client;
use serde_json::{Value, json};
use xtask::cluster::{Cluster, poll, wait_for};
use xtask::prerequisites::unpacked;
use xtask::{paths, process};

fn file(name: &str) -> PathBuf {
    paths::project().join("monitoring").join(name)
}

/// A program of a Debian package; None, and a word of it, where it cannot be had.
fn program(package: &'static str, name: &'static str) -> Result<Option<Command>> {
    match unpacked::program(package, name) {
        Ok(program) => Ok(Some(program)),
        Err(missing) => left_out(&format!("{} ({})", missing.name, missing.why)).map(|()| None),
    }
}

/// The metrics that the queries name, each with the type that they give it. The file is written so that a line will do.
fn queried() -> Result<BTreeSet<(String, String)>> {
    let text = std::fs::read_to_string(file("postgres_exporter.yaml"))?;
    let (mut query, mut found) = ("", BTreeSet::new());
    for line in text.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|name| !name.starts_with(' ')) {
            query = name;
        } else if let Some((column, rest)) = line.strip_prefix("    - ").and_then(|line| line.split_once(": { usage: "))
        {
            let usage = rest.split(',').next().context("no usage")?;
            if usage != "LABEL" {
                found.insert((format!("{query}_{column}"), usage.to_lowercase()));
            }
        }
    }
    Ok(found)
}

/// The metrics that are exported, each with its type.
fn typed(exported: &str) -> BTreeSet<(String, String)> {
    let types = exported.lines().filter_map(|line| line.strip_prefix("# TYPE cache_pg_")?.split_once(' '));
    types.map(|(name, kind)| (format!("cache_pg_{name}"), kind.to_owned())).collect()
}

/// The names of metrics in a text.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("cache_pg_")).map(str::to_owned).collect()
}

struct Exporter {
    process: Child,
    port: u16,
}

impl Exporter {
    /// One that watches `database`, told what else it is to do, with nothing but what docs/operations.md says that its
    /// role needs.
    fn start(cluster: &Cluster, mut command: Command, database: &str, more: &[&str]) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let source = format!(
            "postgresql://watcher@:{}/{database}?host={}&sslmode=disable",
            cluster.port(),
            cluster.dir().display()
        );
        command
            .env("DATA_SOURCE_NAME", source)
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg(format!("--extend.query-path={}", file("postgres_exporter.yaml").display()))
            .args(["--disable-default-metrics", "--disable-settings-metrics"])
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(Self { process: command.spawn()?, port })
    }

    fn scrape(&self) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// What it exports once `all` is there.
    fn scraped(&self, all: impl Fn(&str) -> bool) -> Result<String> {
        let mut exported = String::new();
        poll(PATIENCE, "the metrics", || {
            exported = self.scrape().unwrap_or_default();
            Ok(all(&exported))
        })
        .with_context(|| exported.clone())?;
        Ok(exported)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Lets workers load: `price` is refreshed once, `stock` fails, and `slow` has a load that does not end and one that
/// waits for it. The server has one loader.
fn load_by_workers(client: &mut Client) -> Result<()> {
    client.batch_execute(
        "CREATE FUNCTION load(key text) RETURNS jsonb STABLE LANGUAGE plpgsql AS $$
         BEGIN
             IF EXISTS (SELECT FROM pg_stat_activity
                        WHERE pid = pg_backend_pid() AND backend_type = 'cache_pg loader') THEN
                 IF key LIKE 'stock:%' THEN RAISE 'no stock'; END IF;
                 IF key LIKE 'slow:%' THEN PERFORM pg_sleep(600); END IF;
             END IF;
             RETURN '1';
         END $$;
         SELECT cache_configure(namespace, default_ttl => '8 seconds', loader => 'load(text)',
                                refresh_ahead => '6 seconds')
         FROM unnest('{price,stock,slow}'::text[]) AS namespace",
    )?;
    // A loader that is busy with `slow` takes nothing else, so that comes last.
    for (namespace, keys, reached) in [
        ("price", 1, "done = 1 AND failed = 0"),
        ("stock", 1, "done = 0 AND failures_in_a_row > 0"),
        ("slow", 2, "waiting = 1 AND running = 1"),
    ] {
        let read = format!("SELECT cache_get_or_set('{namespace}:' || n) FROM generate_series(1, {keys}) AS n");
        // The first call computes the values, and the second one reads them.
        client.execute(&read, &[])?;
        client.execute(&read, &[])?;
        let reached = format!("SELECT EXISTS (SELECT FROM cache_loads WHERE namespace = '{namespace}' AND {reached})");
        wait_for(client, &reached, PATIENCE)?;
    }
    Ok(())
}

#[test]
fn the_exporter_tells_what_the_cache_has_done() -> Result<()> {
    let Some(exporter) = program("prometheus-postgres-exporter", "prometheus-postgres-exporter")? else {
        return Ok(());
    };
    let cluster = swift_server()?.conf("cache_pg.max_loaders", "1").conf("cache_pg.load_timeout", "10min").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute("CREATE ROLE watcher LOGIN IN ROLE pg_monitor")?;
    client.execute("SELECT cache_set('menu:' || n, '1', '1 hour') FROM generate_series(1, 300) AS n", &[])?;
    client.execute("SELECT cache_get('menu:' || n) FROM generate_series(201, 1000) AS n", &[])?;
    wait_for(&mut client, "SELECT entries = 300 FROM cache_stats WHERE namespace = 'menu'", PATIENCE)?;
    load_by_workers(&mut client)?;
    let exporter = Exporter::start(&cluster, exporter, "postgres", &[])?;
    let wanted = queried()?;
    let exported = exporter.scraped(|exported| typed(exported).is_superset(&wanted))?;
    let value = |metric: &str, label: &str| -> Result<f64> {
        let line = exported
            .lines()
            .find(|line| line.starts_with(metric) && line.contains(label))
            .context(metric.to_owned())?;
        Ok(line.rsplit(' ').next().context("no value")?.parse()?)
    };
    let menu = "namespace=\"menu\"";
    assert_eq!(value("cache_pg_hits_total{", menu)?, 100.0);
    assert_eq!(value("cache_pg_misses_total{", menu)?, 700.0);
    assert_eq!(value("cache_pg_sets_total{", menu)?, 300.0);
    assert_eq!(value("cache_pg_entries{", menu)?, 300.0);
    assert_eq!(value("cache_pg_health_status{", "check=\"hit_ratio\"")?, 2.0);
    assert_eq!(value("cache_pg_health_status{", "check=\"worker\"")?, 0.0);
    assert_eq!(value("cache_pg_limit_bytes{", "database=\"postgres\"")?, 1_073_741_824.0);
    assert!(value("cache_pg_latency_seconds{", "operation=\"set\",quantile=\"0.99\"")? > 0.0);
    assert!(value("cache_pg_sweep_turns_total{", "database=\"postgres\"")? >= 1.0);
    assert!(value("cache_pg_hits_total{", "scope=\"rest\"").is_ok());
    assert_eq!(value("cache_pg_operations_timed_total{", "operation=\"set\"")?, 300.0);
    assert!(value("cache_pg_operations_timed_seconds_total{", "operation=\"set\"")? > 0.0);
    assert!(value("cache_pg_sweep_rows_read_total{", "database=\"postgres\"")? >= 300.0);
    let [price, stock, slow] = ["price", "stock", "slow"].map(|name| format!("namespace=\"{name}\""));
    assert_eq!(value("cache_pg_refreshes_total{", &price)?, 1.0);
    assert_eq!(value("cache_pg_loads_failures_in_a_row{", &price)?, 0.0);
    assert_eq!(value("cache_pg_refreshes_total{", &stock)?, 0.0);
    assert!(value("cache_pg_refresh_errors_total{", &stock)? >= 1.0);
    assert!(value("cache_pg_loads_failures_in_a_row{", &stock)? >= 1.0);
    assert_eq!(value("cache_pg_loads_waiting{", &slow)?, 1.0);
    assert_eq!(value("cache_pg_loads_running{", &slow)?, 1.0);
    assert_eq!(value("cache_pg_refreshes_refused_total{", menu)?, 0.0);
    assert_eq!(value("cache_pg_refreshes_null_total{", menu)?, 0.0);
    assert!(value("cache_pg_health_status{", "check=\"refreshes\"")? >= 1.0);
    assert!(queried()?.contains(&("cache_pg_hits_total".into(), "counter".into())));
    assert!(queried()?.contains(&("cache_pg_entries".into(), "gauge".into())));
    let exported = metrics(&exported);
    for name in ["grafana.json", "alerts.yaml"] {
        let named = metrics(&std::fs::read_to_string(file(name))?);
        ensure!(!named.is_empty(), "{name} names no metric");
        let missing: Vec<_> = named.difference(&exported).collect();
        ensure!(missing.is_empty(), "{name} names what is not exported: {missing:?}");
    }
    Ok(())
}

#[test]
fn several_databases_are_told_apart() -> Result<()> {
    let Some(exporter) = program("prometheus-postgres-exporter", "prometheus-postgres-exporter")? else {
        return Ok(());
    };
    let cluster = swift_server()?.start()?;
    let mut anywhere = cluster.connect("postgres")?;
    create_database(&cluster, "shop")?.batch_execute("SELECT cache_set('menu:a', '1')")?;
    for statement in [
        "CREATE DATABASE without",
        "CREATE DATABASE blog",
        "CREATE ROLE watcher LOGIN IN ROLE pg_monitor",
        // There the extension is in a schema of its own, which only the role's search path leads to.
        "ALTER ROLE watcher IN DATABASE blog SET search_path = cache",
    ] {
        anywhere.batch_execute(statement)?;
    }
    cluster.connect("blog")?.batch_execute(
        "CREATE SCHEMA cache; CREATE EXTENSION cache_pg SCHEMA cache; GRANT USAGE ON SCHEMA cache TO watcher;
         SELECT cache.cache_set('menu:a', '1'), cache.cache_set('menu:b', '1')",
    )?;
    let discover = ["--auto-discover-databases", "--include-databases=shop,blog"];
    let exporter = Exporter::start(&cluster, exporter, "shop", &discover)?;
    let exported = exporter
        .scraped(|exported| ["shop", "blog"].iter().all(|name| exported.contains(&format!("database=\"{name}\""))))?;
    for (database, sets) in [("shop", "1"), ("blog", "2")] {
        let label = format!("database=\"{database}\",namespace=\"menu\"");
        let line = exported.lines().find(|line| line.starts_with("cache_pg_sets_total{") && line.contains(&label));
        assert_eq!(line.and_then(|line| line.rsplit(' ').next()), Some(sets), "{database}");
    }
    assert!(exported.contains("pg_exporter_last_scrape_error 0"), "no query failed");
    Ok(())
}

#[test]
fn promtool_accepts_the_alerts_and_each_fires_when_it_should() -> Result<()> {
    let Some(mut check) = program("prometheus", "promtool")? else { return Ok(()) };
    process::output(check.args(["check", "rules"]).arg(file("alerts.yaml")))?;
    let Some(mut test) = program("prometheus", "promtool")? else { return Ok(()) };
    process::output(test.args(["test", "rules"]).arg(file("alerts_test.yaml")))?;
    Ok(())
}

/// The panels of the dashboard, without the headings between them.
fn panels() -> Result<Vec<Value>> {
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(file("grafana.json"))?)?;
    let panels = dashboard["panels"].as_array().context("no panels")?;
    Ok(panels.iter().filter(|panel| panel["type"] != "row").cloned().collect())
}

#[test]
fn every_panel_of_the_dashboard_has_a_place_of_its_own_and_something_to_show() -> Result<()> {
    let mut taken = BTreeSet::new();
    for panel in panels()? {
        let [x, y, width, height] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap_or(0));
        ensure!(x + width <= 24 && width * height > 0, "{} does not fit", panel["title"]);
        for place in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
            ensure!(taken.insert(place), "{} covers another", panel["title"]);
        }
        let shows = panel["targets"].as_array().is_some_and(|targets| !targets.is_empty());
        ensure!(shows, "{} shows nothing", panel["title"]);
    }
    Ok(())
}

#[test]
fn the_dashboard_shows_every_metric_of_refresh_ahead() -> Result<()> {
    let drawn = metrics(&serde_json::to_string(&panels()?)?);
    let of_refresh_ahead = |name: &&String| name.starts_with("cache_pg_refresh") || name.starts_with("cache_pg_loads_");
    let queried: BTreeSet<_> = queried()?.into_iter().map(|(name, _)| name).collect();
    let missing: Vec<_> = queried.difference(&drawn).filter(of_refresh_ahead).collect();
    ensure!(missing.is_empty(), "no panel shows {missing:?}");
    ensure!(queried.iter().filter(of_refresh_ahead).count() > 6, "{queried:?}");
    Ok(())
}

#[test]
fn prometheus_understands_every_query_of_the_dashboard() -> Result<()> {
    let Some(mut check) = program("prometheus", "promtool")? else { return Ok(()) };
    let panels = panels()?;
    let queries = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    // As rules, because promtool checks these, with what Grafana puts in place of its variables. JSON is YAML too.
    let rules: Vec<_> = queries
        .filter_map(|query| query["expr"].as_str())
        .map(|query| query.replace("$__rate_interval", "1m").replace("$database", "shop").replace("$namespace", ".*"))
        .map(|query| json!({"record": "panel", "expr": query}))
        .collect();
    ensure!(rules.len() > 40 && !rules.iter().any(|rule| rule.to_string().contains('$')), "{rules:?}");
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("rules.yaml");
    std::fs::write(&file, json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string())?;
    process::output(check.args(["check", "rules", "--lint=none"]).arg(file))?;
    Ok(())
}
