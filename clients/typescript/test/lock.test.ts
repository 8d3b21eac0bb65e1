import assert from "node:assert/strict";
import { test } from "node:test";
import pg from "pg";
import { LockError } from "cache-pg";
import { testDatabase, until } from "./support.js";

const db = await testDatabase();
const cache = db.cache();

test.beforeEach(() => cache.clear());
test.afterEach(() => assert.deepEqual(db.takeReported(), []));

test("one owner has a lock, and renews and releases it", async () => {
  assert.equal(await cache.lockOwner("lock:a"), undefined);
  assert.equal(await cache.lock("lock:a", { owner: "me", ttl: 60 }), true);
  assert.equal(await cache.lock("lock:a", { owner: "you", ttl: 60 }), false);
  assert.equal(await cache.lock("lock:a", { owner: "me", ttl: "2 minutes" }), true);
  assert.ok((await cache.namespace("lock").ttl("a"))! > 90);
  assert.equal(await cache.lockOwner("lock:a"), "me");
  assert.equal(await cache.unlock("lock:a", { owner: "you" }), false);
  assert.equal(await cache.unlock("lock:a", { owner: "me" }), true);
  assert.equal(await cache.lock("lock:a", { owner: "you", ttl: 60 }), true);
});

test("withLock runs alone, and releases the lock in any case", async () => {
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await db.pool.query("SELECT pg_sleep(0.01)");
    inside--;
    return "done";
  };
  const all = Array.from({ length: 5 }, () => cache.withLock("lock:a", work, { wait: 10 }));
  assert.deepEqual(await Promise.all(all), Array(5).fill("done"));
  assert.equal(most, 1);
  await assert.rejects(cache.withLock("lock:a", () => Promise.reject(new Error("broken"))), /broken/);
  assert.equal(await cache.lockOwner("lock:a"), undefined);
});

test("withLock rejects if the lock is not free", async () => {
  await cache.lock("lock:a", { owner: "you", ttl: 60 });
  await assert.rejects(cache.withLock("lock:a", () => assert.fail(), { wait: 0.05 }), LockError);
});

test("withLock renews the lock while the work lasts", async () => {
  const started = performance.now();
  const locks = cache.namespace<string>("lock");
  await cache.withLock("lock:a", async (lost) => {
    const first = (await locks.getEntry("a"))!.expiresAt!;
    await until("it has been renewed", async () => (await locks.getEntry("a"))!.expiresAt! > first);
    // Without the renewal, the signal would abort after two seconds.
    await until("two seconds have passed", () => performance.now() > started + 2_100);
    assert.equal(lost.aborted, false);
  }, { ttl: 3 });
  assert.equal(await cache.lockOwner("lock:a"), undefined);
});

test("the signal aborts if another owner has the lock", async () => {
  await cache.withLock("lock:a", async (lost) => {
    await cache.namespace<string>("lock").set("a", "you", { ttl: 60 });
    await until("the signal aborts", () => lost.aborted);
    assert.ok(lost.reason instanceof LockError);
  }, { ttl: 0.3 });
  assert.equal(await cache.lockOwner("lock:a"), "you");
});

test("the signal aborts before the lock expires if the cache does not answer any more", async () => {
  const pool = new pg.Pool({ connectionString: db.url, max: 1 });
  const locks = cache.namespace<string>("lock");
  await db.cache({ pool }).withLock("lock:a", async (lost) => {
    const first = (await locks.getEntry("a"))!.expiresAt!;
    await until("it has been renewed", async () => (await locks.getEntry("a"))!.expiresAt! > first);
    // The only connection is taken, so the next renewal waits.
    const client = await pool.connect();
    // When the database is dropped, the server may end the connection before the pool has done so.
    client.on("error", () => undefined);
    try {
      await until("the signal aborts", () => lost.aborted);
      assert.notEqual(await cache.lockOwner("lock:a"), undefined);
    } finally {
      client.release();
    }
  }, { ttl: 4 });
  await pool.end();
});
