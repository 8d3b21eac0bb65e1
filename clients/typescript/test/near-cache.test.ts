import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cache, Namespace } from "cache-pg";
import { gate, testDatabase, transaction, until } from "./support.js";

const db = await testDatabase();
await db.pool.query("SELECT cache_configure('near', notify => true)");
await db.pool.query("SELECT cache_configure('other', notify => true)");
const cache = db.cache({ listen: { connectionString: db.url, application_name: "listener" } });
const near = cache.namespace<number>("near", { ttl: 60, nearCache: true });
/** Another process. */
const far = db.cache().namespace<number>("near", { ttl: 60 });
const farCache: Cache = db.cache();

test.beforeEach(async () => {
  await farCache.clear();
  await messagesArrive();
});
test.afterEach(() => assert.deepEqual(db.takeReported(), []));

/** How many statements a call sends. */
async function queries(call: () => Promise<unknown>): Promise<number> {
  const spy = test.mock.method(db.pool, "query");
  await call();
  spy.mock.restore();
  return spy.mock.callCount();
}

/** Reads a key until it is kept: a message about an earlier change may be on its way. */
async function read(key: string): Promise<void> {
  await until(`${key} is kept`, async () => {
    await near.get(key);
    return (await queries(() => near.get(key))) === 0;
  });
}

test("a second read asks the process alone", async () => {
  await far.set("a", 1);
  await messagesArrive();
  await read("a");
  assert.equal(await queries(() => near.get("a")), 0);
  assert.equal(await near.get("a"), 1);
  assert.equal(await queries(() => near.getMany(["a"])), 0);
  assert.equal(await queries(() => near.getOrSet("a", () => assert.fail())), 0);
  // The calls that the server must answer.
  assert.equal(await queries(() => near.has("a")), 1);
  assert.equal(await queries(() => near.getEntry("a")), 1);
});

test("getMany and getOrSet keep what they read", async () => {
  await far.setMany({ a: 1, b: 2 });
  await until("both are kept", async () => (await queries(() => near.getMany(["b", "a"]))) === 0);
  assert.deepEqual([...(await near.getMany(["b", "x", "a"]))], [["b", 2], ["a", 1]]);
  await far.set("c", 3);
  await until("it is kept", async () => (await queries(() => near.getOrSet("c", () => assert.fail()))) === 0);
});

test("nobody can change what is kept", async () => {
  const objects = cache.namespace<{ n: number }>("other", { nearCache: true });
  await objects.set("a", { n: 1 });
  await until("it is kept", async () => (await queries(() => objects.get("a"))) === 0);
  (await objects.get("a"))!.n = 2;
  assert.deepEqual(await objects.get("a"), { n: 1 });
});

const changes: [what: string, change: (cache: Cache, near: Namespace<number>) => Promise<unknown>, after?: number][] = [
  ["a set", (_, near) => near.set("a", 2), 2],
  ["a setMany", (_, near) => near.setMany({ a: 2 }), 2],
  ["an increment", (_, near) => near.increment("a", 5), 6],
  ["a delete", (_, near) => near.delete("a")],
  ["a deleteMany", (_, near) => near.deleteMany(["a"])],
  ["a take", (_, near) => near.take("a")],
  ["a clear of the namespace", (_, near) => near.clear()],
  ["a clear of everything", (cache) => cache.clear()],
  ["an invalidation of its tag", (cache) => cache.invalidateTags("t")],
];
for (const [what, change, after] of changes) {
  test(`it forgets after ${what} elsewhere`, async () => {
    await far.set("a", 1, { tags: ["t"] });
    await read("a");
    await change(farCache, far);
    await until("the message arrives", async () => (await near.get("a")) === after);
  });

  test(`it forgets at once after ${what} here`, async () => {
    await far.set("a", 1, { tags: ["t"] });
    await read("a");
    await change(cache, near);
    assert.equal(await near.get("a"), after);
  });
}

test("a change during a read is not missed", async () => {
  for (const [what, change, after] of changes) {
    await far.set("a", 1, { tags: ["t"] });
    await until("the message has arrived", async () => (await near.get("a")) === 1);
    await near.touch("a", 60);
    const answered = gate();
    const changed = gate();
    const query = db.pool.query.bind(db.pool) as (...all: unknown[]) => Promise<unknown>;
    const slow = test.mock.method(db.pool, "query", async (...all: unknown[]) => {
      const result = await query(...all);
      answered.open();
      await changed.promise;
      return result;
    });
    const reading = near.get("a");
    await answered.promise;
    slow.mock.restore();
    // The answer is on its way, with the old value.
    await change(farCache, far);
    await messagesArrive();
    changed.open();
    assert.equal(await reading, 1, what);
    assert.equal(await near.get("a"), after, what);
  }
});

/** Returns when every message that was sent before has arrived: they come in order. */
async function messagesArrive(): Promise<void> {
  await far.set("marker", 1);
  await read("marker");
  await far.delete("marker");
  await until("the marker has gone", async () => (await near.get("marker")) === undefined);
}

test("a transaction asks the server", async () => {
  await far.set("a", 1);
  await read("a");
  await transaction(db.pool, async (client) => {
    await near.set("a", 2, { client });
    assert.equal(await near.get("a", { client }), 2);
    assert.deepEqual([...(await near.getMany(["a"], { client })).values()], [2]);
    assert.equal(await near.getOrSet("a", () => assert.fail(), { client }), 2);
  });
  await until("the message arrives", async () => (await near.get("a")) === 2);
});

test("nothing is kept past its deadline", async () => {
  await far.set("a", 1, { ttl: "300 ms" });
  await until("it has expired", async () => (await near.get("a")) === undefined);
  assert.equal(await far.get("a"), undefined);
});

test("nothing is kept longer than the ttl of the near cache", async () => {
  const short = cache.namespace<number>("near", { nearCache: { ttl: 0.3 } });
  await far.set("a", 1);
  await messagesArrive();
  await until("it is kept", async () => (await queries(() => short.get("a"))) === 0);
  await until("it is read again", async () => (await queries(() => short.get("a"))) === 1);
});

test("the least recently read go when there is no room", async () => {
  const text = "x".repeat(1000);
  const small = cache.namespace<string>("other", { nearCache: { maxBytes: 10_000 } });
  const keys = Array.from({ length: 10 }, (_, i) => `k${i}`);
  await small.setMany(keys.map((key) => [key, text] as const));
  await small.set("large", text.repeat(10));
  await messagesArrive();
  await until("a key is kept", async () => (await small.get("k0"), (await queries(() => small.get("k0"))) === 0));
  for (const key of keys) {
    await small.get(key);
    await small.get("k0");
  }
  // Four of them fit.
  for (const key of ["k0", "k9", "k8", "k7"]) assert.equal(await queries(() => small.get(key)), 0, key);
  assert.equal(await queries(() => small.get("k6")), 1);
  await small.get("large");
  assert.equal(await queries(() => small.get("large")), 1);
});

test("messages of another form change nothing", async () => {
  await far.set("a", 1);
  await messagesArrive();
  await read("a");
  for (const noise of ["x", "null", "7", '{"key":{}}', '["key"]', '{"key":7}', "{}", ""]) {
    await db.pool.query("SELECT pg_notify('cache_pg', $1)", [noise]);
  }
  await db.pool.query(`SELECT pg_notify('cache_pg', '{"key":"near:forged"}')`);
  await messagesArrive();
  assert.equal(await queries(() => near.get("a")), 0);
});

async function terminate(application: string): Promise<number> {
  const { rowCount } = await db.pool.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()",
    [application],
  );
  return rowCount ?? 0;
}

test("after a lost connection it forgets everything, and listens again", async () => {
  await far.set("a", 1);
  await read("a");
  assert.equal(await terminate("listener"), 1);
  await until("the loss is reported", () => db.reported.length > 0);
  // Nobody tells this process about the change.
  await far.set("a", 2);
  assert.equal(await near.get("a"), 2);
  await read("a");
  await far.set("a", 3);
  await until("messages arrive again", async () => (await near.get("a")) === 3);
  const reported = db.takeReported();
  assert.ok(reported.every(({ context }) => context.operation === "nearCache"));
});

test("while it cannot connect, it asks the server, and tries again", async () => {
  const deaf = db.cache({ listen: { connectionString: "postgres://localhost:1/none" } });
  const numbers = deaf.namespace<number>("near", { nearCache: true });
  await far.set("a", 1);
  await until("three attempts have failed", () => db.reported.length >= 3);
  assert.equal(await queries(() => numbers.get("a")), 1);
  assert.equal(await queries(() => numbers.get("a")), 1);
  await deaf.close();
  assert.ok(db.takeReported().every(({ error }) => (error as { code?: string }).code === "ECONNREFUSED"));
});

test("a namespace without the option notify is reported, and keeps nothing", async () => {
  const silent = cache.namespace<number>("silent", { nearCache: true });
  await silent.set("a", 1);
  await until("it is reported", () => db.reported.length > 0);
  const [reported, ...others] = db.takeReported();
  assert.match(String(reported!.error), /no message arrives for the namespace "silent"/);
  assert.deepEqual(others, []);
  assert.equal(await queries(() => silent.get("a")), 1);
  assert.equal(await queries(() => silent.get("a")), 1);
});

test("close ends the connection", async () => {
  const closing = db.cache({ listen: { connectionString: db.url, application_name: "closing" } });
  closing.namespace("near", { nearCache: true });
  const connected = async () => (await db.pool.query("SELECT FROM pg_stat_activity WHERE application_name = 'closing'")).rowCount;
  await until("it is connected", async () => (await connected()) === 1);
  await closing.close();
  await until("it has gone", async () => (await connected()) === 0);
});
