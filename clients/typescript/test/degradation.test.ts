import assert from "node:assert/strict";
import { mock, test } from "node:test";
import pg from "pg";
import { createCache, LockError, type Cache } from "cache-pg";
import { collect, testDatabase, type Reported } from "./support.js";

const db = await testDatabase();

/** What every verb returns if the cache does not work. */
async function everyVerb(cache: Cache): Promise<void> {
  const numbers = cache.namespace<number>("n");
  assert.equal(await numbers.get("a"), undefined);
  assert.deepEqual(await numbers.getMany(["a"]), new Map());
  assert.equal(await numbers.getEntry("a"), undefined);
  assert.equal(await numbers.set("a", 1), false);
  assert.equal(await numbers.setMany({ a: 1 }), 0);
  assert.equal(await numbers.add("a", 1), false);
  assert.equal(await numbers.replace("a", 1), false);
  assert.equal(await numbers.compareAndSet("a", 1, "1"), false);
  assert.equal(await numbers.delete("a"), false);
  assert.equal(await numbers.deleteMany(["a"]), 0);
  assert.equal(await numbers.has("a"), false);
  assert.equal(await numbers.ttl("a"), undefined);
  assert.equal(await numbers.touch("a"), false);
  assert.equal(await numbers.take("a"), undefined);
  assert.equal(await numbers.getAndTouch("a"), undefined);
  assert.equal(await numbers.increment("a"), undefined);
  assert.equal(await numbers.increment("a", 1n), undefined);
  assert.equal(await numbers.count(), 0);
  assert.deepEqual(await collect(numbers.keys()), []);
  assert.equal(await numbers.clear(), 0);
  assert.equal(await cache.clear(), 0);
  assert.equal(await cache.count(), 0);
  assert.equal(await cache.invalidateTags("t"), 0);
  assert.equal(await cache.lock("lock:a", { owner: "me" }), false);
  assert.equal(await cache.unlock("lock:a", { owner: "me" }), false);
  assert.equal(await cache.lockOwner("lock:a"), undefined);
  await assert.rejects(cache.withLock("lock:a", () => assert.fail()), LockError);
}

test("if the server is down, every verb degrades and reports", async () => {
  const pool = new pg.Pool({ connectionString: "postgres://localhost:1/none" });
  const reported: Reported[] = [];
  const cache = createCache({ pool, onError: (error, context) => reported.push({ error, context }) });
  await everyVerb(cache);
  assert.equal(reported.length, 27);
  assert.ok(reported.every(({ error }) => (error as { code?: string }).code === "ECONNREFUSED"));
  reported.length = 0;

  let loads = 0;
  assert.equal(await cache.namespace<number>("n").getOrSet("a", async () => ++loads), 1);
  assert.equal(loads, 1);
  assert.deepEqual(reported.map(({ context }) => context), [{ operation: "getOrSet", key: "n:a" }]);
  const failure = new Error("the source is down");
  await assert.rejects(cache.namespace<number>("n").getOrSet("a", () => Promise.reject(failure)), (error) => error === failure);
  await pool.end();
});

test("without a privilege, every verb degrades and reports, also in a transaction", async () => {
  const role = `${new URL(db.url).pathname.slice(1)}_app`;
  await db.pool.query(`CREATE ROLE ${role} LOGIN`);
  const url = new URL(db.url);
  url.username = role;
  const pool = new pg.Pool({ connectionString: url.href });
  try {
    const cache = db.cache({ pool });
    await everyVerb(cache);
    const reported = db.takeReported();
    assert.equal(reported.length, 27);
    assert.ok(reported.every(({ error }) => (error as { code?: string }).code === "42501"));

    const client = await pool.connect();
    await client.query("BEGIN");
    const numbers = cache.namespace<number>("n");
    assert.equal(await numbers.get("a", { client }), undefined);
    assert.equal(await numbers.set("a", 1, { client }), false);
    assert.equal(await numbers.getEntry("a", { client }), undefined);
    assert.equal(await numbers.getOrSet("a", () => 1, { client }), 1);
    assert.equal((await client.query("SELECT 1 AS one")).rows[0].one, 1);
    await client.query("COMMIT");
    client.release();
    assert.deepEqual(db.takeReported().map(({ error }) => (error as { code?: string }).code), Array(4).fill("42501"));
  } finally {
    await pool.end();
    await db.pool.query(`DROP ROLE ${role}`);
  }
});

test("with errors: throw, the caller gets the error, but never instead of the loader's", async () => {
  const pool = new pg.Pool({ connectionString: "postgres://localhost:1/none" });
  const numbers = createCache({ pool, errors: "throw" }).namespace<number>("n");
  await assert.rejects(numbers.get("a"), { code: "ECONNREFUSED" });
  await assert.rejects(numbers.getOrSet("a", () => assert.fail()), { code: "ECONNREFUSED" });
  await pool.end();

  const values = db.cache({ errors: "throw" }).namespace<number>("n");
  await assert.rejects(values.getOrSet("a", () => Promise.reject(new Error("no source"))), /no source/);
});

test("a loaded value that cannot be stored is returned, reported, and its token is given back", async () => {
  const values = db.cache().namespace<unknown>("any");
  const circular: { self?: unknown } = {};
  circular.self = circular;
  assert.equal(await values.getOrSet("a", () => circular), circular);
  assert.equal(await values.getOrSet("a", () => 1n), 1n);
  assert.equal(await values.getOrSet("a", () => "\0"), "\0");
  assert.equal(db.takeReported().length, 3);
  assert.equal(await values.getOrSet("a", () => 1), 1);
  assert.equal(await values.get("a"), 1);
});

test("the default onError warns on the console, once a minute", async () => {
  const warn = mock.method(console, "warn", () => {});
  const pool = new pg.Pool({ connectionString: "postgres://localhost:1/none" });
  const numbers = createCache({ pool }).namespace<number>("n");
  for (let i = 0; i < 3; i++) await numbers.get("a");
  assert.equal(warn.mock.callCount(), 1);
  assert.match(String(warn.mock.calls[0]!.arguments[0]), /^cache-pg: get of "n:a": the cache failed: .*ECONNREFUSED/);
  warn.mock.restore();
  await pool.end();
});
