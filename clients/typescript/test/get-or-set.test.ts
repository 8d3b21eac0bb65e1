import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import { gate, testDatabase, transaction, until } from "./support.js";

const db = await testDatabase();
const cache = db.cache();
const numbers = cache.namespace<number>("n", { ttl: 60 });
const nullable = cache.namespace<number | null>("n", { ttl: 60 });

test.beforeEach(() => cache.clear());
test.afterEach(() => assert.deepEqual(db.takeReported(), []));

/** A cache in another process, as far as single flight is concerned. */
function elsewhere(): ReturnType<typeof cache.namespace<number>> {
  return db.cache().namespace<number>("n", { ttl: 60 });
}

test("it loads once, then the cache answers", async () => {
  let loads = 0;
  const load = async () => ++loads;
  assert.equal(await numbers.getOrSet("a", load, { ttl: 30, tags: ["t"] }), 1);
  assert.equal(await numbers.getOrSet("a", load), 1);
  const seconds = (await numbers.ttl("a"))!;
  assert.ok(seconds > 15 && seconds <= 30, String(seconds));
  assert.deepEqual((await numbers.getEntry("a"))!.tags, ["t"]);
});

test("null is a value, and undefined is stored as null", async () => {
  let loads = 0;
  for (const [key, nothing] of [["null", null], ["undefined", undefined]] as const) {
    assert.equal(await nullable.getOrSet(key, () => (loads++, nothing)), null);
    assert.equal(await nullable.getOrSet(key, () => (loads++, 7)), null);
    assert.equal(await nullable.get(key), null);
  }
  assert.equal(loads, 2);
});

test("a loaded value comes as it comes from the cache", async () => {
  const values = cache.namespace<unknown>("any");
  assert.deepEqual(await values.getOrSet("a", () => ({ at: new Date(0), no: undefined })), { at: "1970-01-01T00:00:00.000Z" });
});

test("calls that begin together share one fetch and one load", async () => {
  let loads = 0;
  const sent = test.mock.method(db.pool, "query");
  const values = await Promise.all(Array.from({ length: 100 }, () => numbers.getOrSet("a", async () => ++loads)));
  sent.mock.restore();
  assert.deepEqual(new Set(values), new Set([1]));
  assert.equal(loads, 1);
  // The fetch and the fill.
  assert.equal(sent.mock.callCount(), 2);
});

test("a call that begins while another one loads waits, and then asks the server", async () => {
  const loaded = gate<number>();
  const loading = gate();
  const first = numbers.getOrSet("a", () => (loading.open(), loaded.promise));
  await loading.promise;
  const sent = test.mock.method(db.pool, "query");
  const second = numbers.getOrSet("a", () => assert.fail());
  const third = numbers.getOrSet("a", () => assert.fail());
  await new Promise(setImmediate);
  // They do not wait on connections of the pool.
  assert.equal(sent.mock.callCount(), 0);
  loaded.open(1);
  assert.deepEqual(await Promise.all([first, second, third]), [1, 1, 1]);
  sent.mock.restore();
  // The fill of the first, and one fetch of the others.
  assert.equal(sent.mock.callCount(), 2);
});

test("a call that begins after a change never gets what was loaded before it", async () => {
  const loaded = gate<number>();
  const loading = gate();
  const first = numbers.getOrSet("a", () => (loading.open(), loaded.promise));
  await loading.promise;
  await elsewhere().delete("a");
  const second = numbers.getOrSet("a", () => 2);
  loaded.open(1);
  assert.deepEqual(await Promise.all([first, second]), [1, 2]);
  assert.equal(await numbers.get("a"), 2);
});

test("a late fill is refused after a delete", async () => {
  const value = await numbers.getOrSet("a", async () => {
    await numbers.delete("a");
    return 1;
  });
  assert.equal(value, 1);
  assert.equal(await numbers.get("a"), undefined);
});

test("a late fill is refused after an invalidation of its tag", async () => {
  await numbers.getOrSet("a", async () => (await cache.invalidateTags("t"), 1), { tags: ["t"] });
  assert.equal(await numbers.get("a"), undefined);
});

test("across pools, one loads and the others wait", async () => {
  const loaded = gate<number>();
  const loading = gate();
  const first = numbers.getOrSet("a", () => (loading.open(), loaded.promise));
  await loading.promise;
  const second = elsewhere().getOrSet("a", () => assert.fail(), { wait: Infinity });
  const third = numbers.getOrSet("a", () => assert.fail(), { wait: Infinity });
  await until("the second waits", async () => (await waiting()) === 1);
  loaded.open(1);
  assert.deepEqual(await Promise.all([first, second, third]), [1, 1, 1]);
});

async function waiting(): Promise<number> {
  const { rows } = await db.pool.query(
    `SELECT count(*)::int AS n FROM pg_stat_activity
     WHERE state = 'active' AND query LIKE '%cache_fetch(%' AND pid <> pg_backend_pid() AND datname = current_database()`,
  );
  return rows[0].n;
}

test("across processes, one loads and the others wait", async () => {
  const worker = fileURLToPath(new URL("worker.js", import.meta.url));
  const env = { ...process.env, DATABASE_URL: db.url };
  const outputs = await Promise.all(Array.from({ length: 3 }, () => promisify(execFile)("node", [worker], { env })));
  const results = outputs.map(({ stdout }) => JSON.parse(stdout) as { loads: number; value: number });
  assert.equal(results.reduce((sum, { loads }) => sum + loads, 0), 1);
  assert.equal(new Set(results.map(({ value }) => value)).size, 1);
});

test("after the wait, a caller loads itself and does not store", async () => {
  const loaded = gate<number>();
  const loading = gate();
  const first = numbers.getOrSet("a", () => (loading.open(), loaded.promise));
  await loading.promise;
  assert.equal(await elsewhere().getOrSet("a", () => 2, { wait: 0.05 }), 2);
  assert.equal(await numbers.getOrSet("a", () => 3, { wait: 0.05 }), 3);
  assert.equal(await numbers.get("a"), undefined);
  loaded.open(1);
  assert.equal(await first, 1);
  assert.equal(await numbers.get("a"), 1);
});

/** A cache with a pool of its own. */
function withConnections(max: number) {
  const pool = new pg.Pool({ connectionString: db.url, max });
  after(() => pool.end());
  return { pool, numbers: db.cache({ pool }).namespace<number>("n", { ttl: 60 }) };
}

test("a call that waits leaves the only connection to the loaders", async () => {
  const [one, two] = [withConnections(1), withConnections(1)];
  const bothWait = gate();
  const load = async ({ pool }: { pool: pg.Pool }, value: number) => {
    await bothWait.promise;
    return (await pool.query<{ n: number }>("SELECT $1::int AS n", [value])).rows[0]!.n;
  };
  const loaded = [one.numbers.getOrSet("a", () => load(one, 1)), two.numbers.getOrSet("b", () => load(two, 2))];
  await until("both load", async () => (await leases()) === 2);
  const awaited = [one.numbers.getOrSet("b", () => assert.fail(), { wait: 5 }), two.numbers.getOrSet("a", () => assert.fail(), { wait: 5 })];
  await until("one waits", async () => (await waiting()) >= 1);
  bothWait.open();
  assert.deepEqual(await Promise.all([...loaded, ...awaited]), [1, 2, 2, 1]);
});

test("calls that wait for many keys leave connections to the others", async () => {
  const keys = Array.from({ length: 30 }, (_, index) => `k${index}`);
  const loaded = gate<number>();
  const first = keys.map((key) => numbers.getOrSet(key, () => loaded.promise));
  await until("all load", async () => (await leases()) === keys.length);
  const { pool, numbers: others } = withConnections(4);
  let waits = 0;
  let most = 0;
  const query = pool.query.bind(pool) as (text: string, values?: unknown[]) => Promise<pg.QueryResult>;
  const counted = async (text: string, values: unknown[] = []) => {
    const long = text.includes("cache_fetch") && (values[1] as number) > 0.05;
    if (long) most = Math.max(most, ++waits);
    return query(text, values).finally(() => (waits -= long ? 1 : 0));
  };
  test.mock.method(pool, "query", counted as typeof pool.query);
  const awaited = keys.map((key) => others.getOrSet(key, () => assert.fail(), { wait: 5 }));
  await until("some wait", async () => (await waiting()) >= 1);
  for (let answers = 0; answers < 3; answers++) await pool.query("SELECT 1");
  loaded.open(1);
  await Promise.all(first);
  assert.deepEqual(new Set(await Promise.all(awaited)), new Set([1]));
  assert.equal(most, 2);
});

test("no call waits for a transaction that has changed the key", async () => {
  await transaction(db.pool, async (client) => {
    await numbers.delete("a", { client });
    const started = performance.now();
    assert.equal(await numbers.getOrSet("a", () => 1, { wait: 10 }), 1);
    assert.ok(performance.now() - started < 5000);
  });
});

async function leases(): Promise<number> {
  const { rows } = await db.pool.query("SELECT count(*)::int AS n FROM cache_entries WHERE value IS NULL AND lease_until > now()");
  return rows[0].n;
}

test("the loader's error is thrown, and the next caller gets the token at once", async () => {
  const failure = new Error("no source");
  let loads = 0;
  const failing = async (): Promise<number> => {
    loads++;
    throw failure;
  };
  await assert.rejects(numbers.getOrSet("a", failing), (error) => error === failure);
  await assert.rejects(numbers.getOrSet("a", () => { throw failure; }), (error) => error === failure);
  assert.equal(loads, 1);
  assert.equal(await elsewhere().getOrSet("a", () => 1, { wait: 0 }), 1);
  assert.equal(await numbers.get("a"), 1);
});


test("if the loader fails, a value past its deadline is returned, and onError is told", async () => {
  await db.pool.query("SELECT cache_configure('old', stale_for => '1 hour')");
  const old = cache.namespace<number>("old");
  await old.set("a", 1, { ttl: "1 ms" });
  await until("it has expired", async () => !(await old.has("a")));
  const failure = new Error("no source");
  assert.equal(await old.getOrSet("a", () => Promise.reject(failure)), 1);
  assert.deepEqual(db.takeReported(), [{ error: failure, context: { operation: "getOrSet", key: "old:a", stale: true } }]);
  assert.equal(await old.getOrSet("a", () => 2), 2);
  assert.equal(await old.get("a"), 2);
});

test("while a value past its deadline is computed anew, the others get it at once", async () => {
  const old = cache.namespace<number>("old");
  await old.set("a", 1, { ttl: "1 ms" });
  await until("it has expired", async () => !(await old.has("a")));
  const loaded = gate<number>();
  const loading = gate();
  const first = old.getOrSet("a", () => (loading.open(), loaded.promise));
  await loading.promise;
  assert.equal(await old.getOrSet("a", () => assert.fail(), { wait: 10 }), 1);
  loaded.open(2);
  assert.equal(await first, 2);
});

test("in the background, the caller gets the value past its deadline too", async () => {
  const old = cache.namespace<number>("old");
  await old.set("a", 1, { ttl: "1 ms" });
  await until("it has expired", async () => !(await old.has("a")));
  const loaded = gate<number>();
  assert.equal(await old.getOrSet("a", () => loaded.promise, { background: true }), 1);
  loaded.open(2);
  await until("the new value is stored", async () => (await old.get("a")) === 2);
  await old.set("a", 1, { ttl: "1 ms" });
  await until("it has expired", async () => !(await old.has("a")));
  assert.equal(await old.getOrSet("a", () => Promise.reject(new Error("no source")), { background: true }), 1);
  await until("the error is reported", () => db.reported.length === 1);
  assert.deepEqual(db.takeReported()[0]!.context, { operation: "getOrSet", key: "old:a", stale: true });
});

test("in a transaction that has changed the source, the loaded value is not stored", async () => {
  await numbers.set("a", 1);
  await transaction(db.pool, async (client) => {
    await numbers.delete("a", { client });
    assert.equal(await numbers.getOrSet("a", () => 2, { client }), 2);
  });
  assert.equal(await numbers.get("a"), undefined);
});

test("a fill that fails does not cost the caller its value", async () => {
  const pool = new pg.Pool({ connectionString: db.url });
  pool.on("error", () => {});
  const mine = db.cache({ pool }).namespace<number>("n");
  let loads = 0;
  const value = await mine.getOrSet("a", async () => {
    await pool.end();
    return ++loads;
  });
  assert.deepEqual([value, loads], [1, 1]);
  assert.match(String(db.takeReported()[0]!.error), /Cannot use a pool after calling end/);
});
