import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClientBase } from "pg";
import { collect, testDatabase, transaction } from "./support.js";

const db = await testDatabase();
const cache = db.cache();
const numbers = cache.namespace<number>("n", { ttl: 60 });

test.beforeEach(() => cache.clear());
test.afterEach(() => assert.deepEqual(db.takeReported(), []));

class Rollback extends Error {}

test("a change takes effect at the commit, and not at all after a rollback", async () => {
  await numbers.set("a", 1);
  await transaction(db.pool, async (client) => {
    assert.equal(await numbers.delete("a", { client }), true);
    assert.equal(await numbers.get("a", { client }), undefined);
    assert.equal(await numbers.get("a"), 1);
  });
  assert.equal(await numbers.get("a"), undefined);
  const rolledBack = transaction(db.pool, async (client) => {
    await numbers.set("a", 2, { client });
    assert.equal(await numbers.get("a", { client }), 2);
    throw new Rollback();
  });
  await assert.rejects(rolledBack, Rollback);
  assert.equal(await numbers.get("a"), undefined);
});

test("every verb runs in the transaction", async () => {
  const pages = cache.bytes("page");
  const locks = { owner: "me", ttl: 60 };
  const rolledBack = transaction(db.pool, async (client) => {
    const on = { client };
    assert.equal(await numbers.set("a", 1, { ...on, tags: ["t"] }), true);
    assert.equal(await numbers.setMany({ b: 2, c: 3 }, on), 2);
    assert.equal(await numbers.add("d", 4, on), true);
    assert.equal(await numbers.replace("d", 5, on), true);
    assert.deepEqual([...(await numbers.getMany(["a", "d"], on)).values()], [1, 5]);
    assert.equal(await numbers.has("a", on), true);
    assert.ok((await numbers.ttl("a", on))! > 30);
    assert.equal(await numbers.touch("a", 30, on), true);
    assert.equal(await numbers.getAndTouch("a", 30, on), 1);
    assert.equal(await numbers.increment("a", 1, on), 2);
    assert.equal(await numbers.count(on), 4);
    assert.deepEqual(await collect(numbers.keys(on)), ["a", "b", "c", "d"]);
    const entry = (await numbers.getEntry("a", on))!;
    assert.equal(await numbers.getEntry("x", on), undefined);
    assert.equal(await numbers.compareAndSet("a", 9, entry.version, on), true);
    assert.equal(await numbers.take("a", on), 9);
    assert.equal(await numbers.delete("b", on), true);
    assert.equal(await numbers.deleteMany(["c"], on), 1);
    assert.equal(await numbers.getOrSet("e", () => 6, on), 6);
    assert.equal(await numbers.getOrSet("e", () => assert.fail(), on), 6);
    await numbers.set("f", 1, { ...on, tags: ["t"] });
    assert.equal(await cache.invalidateTags("t", on), 1);
    assert.equal(await numbers.has("f", on), false);
    assert.equal(await pages.set("p", Buffer.from("x"), on), true);
    assert.deepEqual(await pages.get("p", on), Buffer.from("x"));
    assert.deepEqual([...(await pages.getMany(["p"], on)).keys()], ["p"]);
    assert.equal(await cache.lock("lock:a", { ...locks, ...on }), true);
    assert.equal(await cache.lockOwner("lock:a", on), "me");
    assert.equal(await cache.unlock("lock:a", { ...locks, ...on }), true);
    assert.equal(await numbers.clear(on), 2);
    assert.equal(await cache.clear(on), 1);
    assert.equal(await cache.count(), 0);
    throw new Rollback();
  });
  await assert.rejects(rolledBack, Rollback);
});

test("a wrong argument is refused before it reaches the server, so the transaction goes on", async () => {
  const wrong: ((on: { client: ClientBase }) => Promise<unknown>)[] = [
    (on) => numbers.compareAndSet("a", 1, "abc", on),
    (on) => numbers.delete("a", { ...on, version: (2n ** 64n).toString() }),
    (on) => numbers.touch("a", 60, { ...on, version: "" }),
    (on) => numbers.increment("a", 2n ** 63n, on),
    (on) => numbers.increment("a", 1, { ...on, initial: -(2n ** 63n) - 1n }),
    (on) => numbers.set("a", 1, { ...on, expiresAt: new Date(NaN) }),
    (on) => numbers.getOrSet("a", () => assert.fail(), { ...on, wait: NaN }),
  ];
  for (const call of wrong) {
    await transaction(db.pool, async (client) => {
      await assert.rejects(call({ client }), (error) => error instanceof TypeError || error instanceof RangeError);
      assert.equal(await numbers.set("b", 1, { client }), true);
    });
  }
});

test("every Date is a deadline, however far", async () => {
  await transaction(db.pool, async (client) => {
    const farthest = 8.64e15;
    assert.equal(await numbers.set("a", 1, { client, expiresAt: new Date(-farthest) }), true);
    assert.equal(await numbers.has("a", { client }), false);
    assert.equal(await numbers.set("a", 1, { client, expiresAt: new Date(farthest) }), false);
  });
  assert.deepEqual(db.takeReported().map(({ error }) => (error as { code?: string }).code), ["22023"]);
});

async function setting(client: ClientBase): Promise<string> {
  return (await client.query("SELECT current_setting('cache_pg.errors') AS errors")).rows[0].errors;
}

test("an error of the cache is reported, and the transaction goes on", async () => {
  await cache.bytes("n").set("bytes", Buffer.from("x"));
  await transaction(db.pool, async (client) => {
    await client.query("CREATE TEMP TABLE orders (id integer)");
    await client.query("INSERT INTO orders VALUES (1)");
    const on = { client };
    assert.equal(await numbers.get("bytes", on), undefined);
    assert.equal(await numbers.increment("bytes", 1, on), undefined);
    assert.equal(await numbers.set("a", 1, { ...on, ttl: "40 days" }), false);
    assert.equal(await numbers.set("a", 1, { ...on, ttl: "soon" }), false);
    assert.equal(await numbers.setMany({ a: 1 }, { ...on, ttl: -1 }), 0);
    assert.equal((await numbers.getMany(["bytes"], on)).size, 0);
    assert.equal(await numbers.getOrSet("bytes", () => 7, on), 7);
    assert.equal(await numbers.touch("bytes", 0, on), false);
    assert.equal(await setting(client), "raise");
    assert.equal((await client.query("SELECT count(*)::int AS n FROM orders")).rows[0].n, 1);
    assert.equal(await numbers.set("b", 2, on), true);
  });
  assert.equal(await numbers.get("b"), 2);
  const reported = db.takeReported();
  assert.deepEqual(
    reported.map(({ context, error }) => [context.operation, (error as { code?: string }).code]),
    [
      ["get", "22023"],
      ["increment", "22023"],
      ["set", "22023"],
      ["set", "22007"],
      ["setMany", "22023"],
      ["getMany", "22023"],
      ["getOrSet", "22023"],
      ["touch", "22023"],
    ],
  );
  assert.equal(reported[2]!.context.key, "n:a");
  const error = reported[2]!.error as { message: string; detail?: string; hint?: string };
  assert.match(error.message, /ttl .* is out of range/);
  assert.ok(error.detail !== undefined && error.hint !== undefined);
});

test("the setting has its former value after a call, and after a rollback to a savepoint", async () => {
  await transaction(db.pool, async (client) => {
    const on = { client };
    for (const errors of ["raise", "ignore", "warn"]) {
      await client.query(`SET LOCAL cache_pg.errors = ${errors}`);
      await numbers.get("a", on);
      await numbers.getEntry("a", on);
      await numbers.getMany(["a"], on);
      await collect(numbers.keys(on));
      assert.equal(await setting(client), errors);
    }
    await client.query("SET LOCAL cache_pg.errors = raise");
    await client.query("SAVEPOINT s");
    await numbers.set("a", 1, on);
    await client.query("ROLLBACK TO s");
    assert.equal(await setting(client), "raise");
    await assert.rejects(client.query("SELECT cache_get('')"), /key/);
    await client.query("ROLLBACK TO s");
  });
  const client = await db.pool.connect();
  await client.query("SET cache_pg.errors = ignore");
  await client.query("BEGIN");
  await numbers.get("a", { client });
  await client.query("SET cache_pg.errors = warn");
  await client.query("COMMIT");
  assert.equal(await setting(client), "warn");
  await client.query("RESET cache_pg.errors");
  client.release();
});

test("calls on one client at the same time report each error once", async () => {
  await transaction(db.pool, async (client) => {
    const all = Array.from({ length: 20 }, (_, i) => numbers.set(`k${i}`, i, { client, ttl: i % 2 ? 60 : "40 days" }));
    assert.equal((await Promise.all(all)).filter(Boolean).length, 10);
  });
  const keys = db.takeReported().map(({ context }) => context.key);
  assert.deepEqual(keys, Array.from({ length: 10 }, (_, i) => `n:k${2 * i}`));
});

test("an argument that the server's casts would refuse does not reach the transaction", async () => {
  await transaction(db.pool, async (client) => {
    await assert.rejects(cache.namespace("n").set("a", "\0", { client }), TypeError);
    await assert.rejects(cache.lock("lock:a", { owner: "\0", client }), /U\+0000/);
    await numbers.set("key\0", 1, { client, tags: ["tag\0"] });
    assert.equal(await numbers.get("key\0", { client }), 1);
  });
});

test("an error that fails the transaction is thrown", async () => {
  const canceled = transaction(db.pool, async (client) => {
    await client.query("SET LOCAL statement_timeout = 50");
    await transaction(db.pool, async (other) => {
      await numbers.set("a", 1, { client: other });
      await numbers.set("a", 2, { client });
    });
  });
  await assert.rejects(canceled, { code: "57014" });
});

test("with errors: throw, the caller gets the error", async () => {
  const strict = db.cache({ errors: "throw" }).namespace<number>("n");
  const failed = transaction(db.pool, (client) => strict.set("a", 1, { client, ttl: "40 days" }));
  await assert.rejects(failed, { code: "22023" });
});

test("the loader's error is thrown when it has failed the transaction", async () => {
  const failed = transaction(db.pool, (client) =>
    numbers.getOrSet("a", async () => (await client.query("SELECT 1/0")).rows[0], { client }),
  );
  await assert.rejects(failed, { code: "22012" });
  // The token could not be given back in the failed transaction. The rollback has done it.
  assert.deepEqual(db.takeReported().map(({ error }) => (error as { code?: string }).code), ["25P02"]);
  assert.equal(await numbers.getOrSet("a", () => 1), 1);
  assert.equal(await numbers.get("a"), 1);
});
