//! Through PgBouncer in transaction mode: many clients on few server connections, none of which keeps a session.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result, ensure};
use cache_pg_server_tests::{PATIENCE, create_extension, get, left_out, swift_server, together_with};
use postgres::types::Type;
use postgres::{Client, NoTls, SimpleQueryMessage};
use serde_json::{Value, json};
use xtask::cluster::{Cluster, poll};
use xtask::process;

/// Only the name of its socket, in a directory that nobody else can enter.
const PORT: u16 = 6432;
/// How many connections to the server it may open.
const SERVER_CONNECTIONS: usize = 4;
const CLIENTS: usize = 50;

/// PgBouncer in front of a cluster; it ends with this value.
struct Pooler<'a> {
    cluster: &'a Cluster,
    child: Child,
    /// Whether it can follow the driver's prepared statements from one server connection to another.
    prepares: bool,
}

impl<'a> Pooler<'a> {
    /// None where it is not installed.
    fn start(cluster: &'a Cluster) -> Result<Option<Self>> {
        let debian = Path::new("/usr/sbin/pgbouncer");
        let found = process::which("pgbouncer").or_else(|| debian.is_file().then(|| debian.to_owned()));
        let Some(program) = found else {
            return left_out("pgbouncer").map(|()| None);
        };
        let version = process::output(Command::new(&program).arg("--version"))?;
        let prepares = version_of(&version)? >= (1, 21);
        let dir = cluster.dir().display();
        let mut config = format!(
            "[databases]\n* = host={dir} port={}\n[pgbouncer]\nlisten_addr =\nlisten_port = {PORT}\n\
             unix_socket_dir = {dir}\nauth_type = trust\nauth_file = {dir}/users\npool_mode = transaction\n\
             default_pool_size = {SERVER_CONNECTIONS}\nmax_client_conn = 200\nlogfile = {dir}/pgbouncer.log\n",
            cluster.port()
        );
        if prepares {
            config += "max_prepared_statements = 100\n";
        }
        let file = cluster.dir().join("pgbouncer.ini");
        xtask::files::put(config.as_bytes(), &file, 0o644)?;
        xtask::files::put(b"\"app\" \"\"\n", &cluster.dir().join("users"), 0o644)?;
        let mut command = Command::new(program);
        command.arg("--quiet").arg(&file).stdin(Stdio::null());
        let child = process::as_server_user(&mut command)?.spawn().context("cannot run pgbouncer")?;
        let mut pooler = Self { cluster, child, prepares };
        poll(PATIENCE, "pgbouncer to let clients in", || {
            ensure!(pooler.child.try_wait()?.is_none(), "it has ended");
            Ok(pooler.connect().is_ok())
        })?;
        Ok(Some(pooler))
    }

    fn connect(&self) -> Result<Client> {
        let host = self.cluster.dir().display().to_string();
        Ok(Client::configure().host(&host).port(PORT).user("app").dbname("postgres").connect(NoTls)?)
    }
}

impl Drop for Pooler<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `PgBouncer 1.18.0` as 1 and 18.
fn version_of(printed: &str) -> Result<(u32, u32)> {
    let version = printed.split_whitespace().nth(1).context("no version")?;
    let mut numbers = version.split('.').map(str::parse);
    Ok((numbers.next().context("no version")??, numbers.next().context("no minor version")??))
}

/// A server with a role that has nothing but the one grant, and the pooler in front of it.
fn with_pooler(test: impl Fn(&Pooler, &mut Client) -> Result<()>) -> Result<()> {
    let cluster = swift_server()?.start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute("CREATE ROLE app LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO app")?;
    match Pooler::start(&cluster)? {
        Some(pooler) => test(&pooler, &mut client),
        None => Ok(()),
    }
}

/// The first column of the last row that a simple query returns.
fn simple(client: &mut Client, sql: &str) -> Result<Option<String>> {
    let messages = client.simple_query(sql).with_context(|| sql.to_owned())?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    Ok(rows.last().and_then(|row| row.get(0)).map(str::to_owned))
}

/// Sets, gets, counts and deletes by way of `call`, which runs one function on a key and a value.
fn work(number: usize, mut call: impl FnMut(&str, &str) -> Result<Option<Value>>) -> Result<()> {
    for step in 0..20 {
        let key = format!("{number}:{step}");
        ensure!(call("set", &key)?.is_some());
        ensure!(call("get", &key)? == Some(json!(key)));
        ensure!(call("incr", "sum")?.is_some());
        ensure!(call("incr", &format!("own:{number}"))? == Some(json!(step + 1)));
        if step % 2 == 0 {
            ensure!(call("delete", &key)? == Some(json!(true)));
            ensure!(call("get", &key)?.is_none());
            ensure!(call("delete", &key)? == Some(json!(false)));
        }
    }
    Ok(())
}

/// What [`work`] leaves behind.
fn all_is_there(client: &mut Client) -> Result<()> {
    assert_eq!(get::<Value>(client, "SELECT cache_get('sum')")?, json!(20 * CLIENTS));
    let left = client.query("SELECT cache_keys(max_keys => 10000)", &[])?.len();
    assert_eq!(left, CLIENTS * (10 + 1) + 1);
    Ok(())
}

/// The call of one function in SQL, of `$1`, the key.
fn sql(verb: &str) -> &'static str {
    match verb {
        "set" => "SELECT to_jsonb(cache_set($1, to_jsonb($1::text), '1 hour'::text))",
        "get" => "SELECT cache_get($1)",
        "incr" => "SELECT to_jsonb(cache_incr($1))",
        _ => "SELECT to_jsonb(cache_delete($1))",
    }
}

#[test]
fn simple_queries_of_fifty_clients_over_four_connections_come_out_right() -> Result<()> {
    with_pooler(|pooler, client| {
        let backends = Mutex::new(BTreeSet::new());
        let moved = together_with(
            CLIENTS,
            |_| pooler.connect(),
            |number, mut client| {
                let mut own = BTreeSet::new();
                work(number, |verb, key| {
                    own.extend(simple(&mut client, "SELECT pg_backend_pid()")?);
                    let found = simple(&mut client, &sql(verb).replace("$1", &format!("'{key}'")))?;
                    Ok(found.map(|found| serde_json::from_str(&found)).transpose()?)
                })?;
                let moved = own.len() > 1;
                backends.lock().map_err(|_| anyhow::anyhow!("a client panicked"))?.extend(own);
                Ok(moved)
            },
        )?;
        let backends = backends.into_inner()?.len();
        assert!((2..=SERVER_CONNECTIONS).contains(&backends), "{backends} server connections");
        assert!(moved.contains(&true), "no client was moved to another server connection");
        all_is_there(client)
    })
}

#[test]
fn transactions_of_fifty_clients_over_four_connections_see_their_own_writes_and_roll_back() -> Result<()> {
    with_pooler(|pooler, client| {
        together_with(
            CLIENTS,
            |_| pooler.connect(),
            |number, mut client| {
                for (step, end) in ["COMMIT", "ROLLBACK"].iter().cycle().take(20).enumerate() {
                    simple(&mut client, "BEGIN")?;
                    let set = format!("SELECT cache_set('k:{number}', '{step}')");
                    simple(&mut client, &set)?;
                    let seen = simple(&mut client, &format!("SELECT cache_get('k:{number}')"))?;
                    ensure!(seen == Some(step.to_string()), "{seen:?}");
                    simple(&mut client, end)?;
                    // The last step that was committed is an even one.
                    let kept = simple(&mut client, &format!("SELECT cache_get('k:{number}')"))?;
                    ensure!(kept == Some((step - step % 2).to_string()), "{kept:?}");
                }
                Ok(())
            },
        )?;
        assert_eq!(client.query("SELECT cache_keys('k')", &[])?.len(), CLIENTS);
        Ok(())
    })
}

#[test]
fn queries_with_parameters_come_out_right() -> Result<()> {
    with_pooler(|pooler, client| {
        together_with(
            CLIENTS,
            |_| pooler.connect(),
            |number, mut client| {
                work(number, |verb, key| {
                    Ok(client.query_typed(sql(verb), &[(&key, Type::TEXT)])?.first().context("no row")?.try_get(0)?)
                })
            },
        )?;
        all_is_there(client)
    })
}

#[test]
fn prepared_statements_of_the_driver_come_out_right() -> Result<()> {
    with_pooler(|pooler, client| {
        if !pooler.prepares {
            return left_out("PgBouncer of version 1.21 or later, which keeps prepared statements in transaction mode");
        }
        together_with(
            CLIENTS,
            |_| {
                let mut client = pooler.connect()?;
                let verbs = ["set", "get", "incr", "delete"];
                let statements = verbs.map(|verb| client.prepare(sql(verb)).map(|statement| (verb, statement)));
                Ok((client, statements))
            },
            |number, (mut client, statements)| {
                let statements = statements.into_iter().collect::<Result<Vec<_>, _>>()?;
                work(number, |verb, key| {
                    let (_, statement) = statements.iter().find(|(name, _)| *name == verb).context("no such verb")?;
                    Ok(client.query_one(statement, &[&key])?.try_get(0)?)
                })
            },
        )?;
        all_is_there(client)
    })
}

/// A token is the client's: where it is spent is up to the pooler.
#[test]
fn tokens_are_good_on_whatever_connection_they_are_spent() -> Result<()> {
    with_pooler(|pooler, client| {
        let moved = together_with(
            CLIENTS,
            |_| pooler.connect(),
            |number, mut client| {
                let mut moved = false;
                for step in 0..20 {
                    let key = format!("{number}:{step}");
                    let fetch = "SELECT token, pg_backend_pid() FROM cache_fetch($1)";
                    let fetched = client.query_typed(fetch, &[(&key, Type::TEXT)])?;
                    let token: Option<String> = fetched.first().context("no row")?.try_get(0)?;
                    let token = token.context("no token for a key that nobody else asks for")?;
                    let fill = "SELECT cache_fill($1, to_jsonb($1::text), $2, tags => '{t}'), pg_backend_pid()";
                    let filled = client.query_typed(fill, &[(&key, Type::TEXT), (&token, Type::TEXT)])?;
                    let filled = filled.first().context("no row")?;
                    ensure!(filled.try_get::<_, bool>(0)?, "it was refused");
                    moved |= fetched[0].try_get::<_, i32>(1)? != filled.try_get::<_, i32>(1)?;
                }
                Ok(moved)
            },
        )?;
        assert!(moved.contains(&true), "no token was spent on another connection than it came from");
        assert_eq!(client.query("SELECT cache_keys(max_keys => 10000)", &[])?.len(), CLIENTS * 20);
        client.batch_execute("SELECT cache_invalidate_tags('t')")?;
        assert_eq!(client.query("SELECT cache_keys(max_keys => 10000)", &[])?.len(), 0);
        Ok(())
    })
}
