import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { collect, testDatabase } from "./support.js";

const db = await testDatabase();
const cache = db.cache();

interface Tenant {
  name: string;
  plan: string;
}
const tenants = cache.namespace<Tenant>("tenant", { ttl: "5 minutes" });
const burgers = { name: "Burger Palace", plan: "pro" };
const sushi = { name: "Sushi Place", plan: "free" };

test.beforeEach(() => cache.clear());
test.afterEach(() => assert.deepEqual(db.takeReported(), []));

/** Allows for the time that a slow machine takes between two calls. */
function assertTtl(actual: number | undefined, expected: number): void {
  assert.ok(actual !== undefined && actual <= expected && actual > expected - 15, `${actual}, not ${expected}`);
}

test("get returns what set has stored, and undefined on a miss", async () => {
  assert.equal(await tenants.get("burger-palace"), undefined);
  assert.equal(await tenants.set("burger-palace", burgers), true);
  assert.deepEqual(await tenants.get("burger-palace"), burgers);
  const { rows } = await db.pool.query("SELECT cache_get('tenant:burger-palace') AS value");
  assert.deepEqual(rows[0].value, burgers);
});

test("null, strings, arrays and numbers are values", async () => {
  const values = cache.namespace<unknown>("any");
  for (const value of [null, "a", 'quote " and \\ and {brace}', "", [1, [2]], [], 0, -1.5, true, { a: [null] }, "\\u0000"]) {
    await values.set("k", value);
    assert.deepEqual(await values.get("k"), value);
    await values.setMany([["many", value]]);
    assert.deepEqual(await values.getMany(["many"]), new Map([["many", value]]));
  }
});

test("a value without JSON is an error of the caller", async () => {
  const values = cache.namespace<unknown>("any");
  for (const value of [undefined, () => 1, Symbol("a")]) {
    await assert.rejects(values.set("k", value), /has no JSON; store null instead/);
  }
  for (const value of ["\0", { a: ["x\0"] }, "\ud800", "\\\0"]) {
    await assert.rejects(values.set("k", value), /U\+0000 or a lone surrogate/);
  }
  await assert.rejects(values.set("k", 1n), TypeError);
  await assert.rejects(values.set("k", 1, { ttl: NaN }), /a ttl cannot be NaN/);
  assert.equal(await values.has("k"), false);
});

test("a ttl is a number of seconds, a text, or that of the namespace", async () => {
  await tenants.set("a", burgers);
  assertTtl(await tenants.ttl("a"), 300);
  await tenants.set("a", burgers, { ttl: 60 });
  assertTtl(await tenants.ttl("a"), 60);
  await tenants.set("a", burgers, { ttl: "2 minutes" });
  assertTtl(await tenants.ttl("a"), 120);
  await tenants.set("a", sushi, { ttl: "keep" });
  assertTtl(await tenants.ttl("a"), 120);
  assert.deepEqual(await tenants.get("a"), sushi);
  await tenants.set("a", burgers, { ttl: Infinity });
  assertTtl(await tenants.ttl("a"), 30 * 24 * 3600);
  await tenants.set("a", burgers, { expiresAt: new Date(Date.now() + 90_000) });
  assertTtl(await tenants.ttl("a"), 91);
  await tenants.set("a", burgers, { expiresAt: new Date(0) });
  assert.equal(await tenants.has("a"), false);
  assert.equal(await tenants.ttl("a"), undefined);
});

test("without a deadline, the ttl is Infinity and expiresAt is null", async () => {
  const client = await db.pool.connect();
  await client.query("BEGIN; SET LOCAL cache_pg.max_ttl = 0");
  await tenants.set("a", burgers, { ttl: Infinity, client });
  await client.query("COMMIT");
  client.release();
  assert.equal(await tenants.ttl("a"), Infinity);
  assert.equal((await tenants.getEntry("a"))!.expiresAt, null);
});

test("getMany and setMany", async () => {
  assert.equal(await tenants.setMany({ a: burgers, b: sushi }), 2);
  assert.equal(await tenants.setMany([["c", burgers, 60], ["d", sushi]], { ttl: 30 }), 2);
  assertTtl(await tenants.ttl("a"), 300);
  assertTtl(await tenants.ttl("c"), 60);
  assertTtl(await tenants.ttl("d"), 30);
  assert.deepEqual([...(await tenants.getMany(["d", "x", "a", "d"]))], [["d", sushi], ["a", burgers]]);
  assert.deepEqual(await tenants.getMany([]), new Map());
  assert.equal(await tenants.setMany([]), 0);
  assert.equal(await tenants.setMany([["e", burgers], ["e", sushi]]), 1);
  assert.deepEqual(await tenants.get("e"), sushi);
});

test("add, replace, delete, deleteMany, has", async () => {
  assert.equal(await tenants.replace("a", burgers), false);
  assert.equal(await tenants.add("a", burgers), true);
  assert.equal(await tenants.add("a", sushi), false);
  assert.equal(await tenants.replace("a", sushi), true);
  assert.deepEqual(await tenants.get("a"), sushi);
  assert.equal(await tenants.has("a"), true);
  assert.equal(await tenants.delete("a"), true);
  assert.equal(await tenants.delete("a"), false);
  assert.equal(await tenants.has("a"), false);
  await tenants.setMany({ a: burgers, b: sushi });
  assert.equal(await tenants.deleteMany(["a", "b", "c"]), 2);
  assert.equal(await tenants.deleteMany([]), 0);
});

test("getEntry, compareAndSet, and delete and touch by version", async () => {
  assert.equal(await tenants.getEntry("a"), undefined);
  const before = Date.now();
  await tenants.set("a", burgers, { tags: ["t"] });
  const entry = (await tenants.getEntry("a"))!;
  assert.deepEqual([entry.value, entry.tags], [burgers, ["t"]]);
  assert.match(entry.version, /^\d+$/);
  assert.ok(Math.abs(entry.createdAt.getTime() - before) < 15_000);
  assert.ok(Math.abs(entry.updatedAt.getTime() - before) < 15_000);
  assert.ok(Math.abs(entry.expiresAt!.getTime() - before - 300_000) < 15_000);

  assert.equal(await tenants.compareAndSet("a", sushi, entry.version), true);
  assert.equal(await tenants.compareAndSet("a", burgers, entry.version), false);
  assert.deepEqual(await tenants.get("a"), sushi);
  assert.equal(await tenants.touch("a", 60, { version: entry.version }), false);
  assert.equal(await tenants.delete("a", { version: entry.version }), false);
  const { version } = (await tenants.getEntry("a"))!;
  assert.equal(await tenants.touch("a", 60, { version }), true);
  assertTtl(await tenants.ttl("a"), 60);
  assert.equal(await tenants.delete("a", { version }), true);
});

test("touch, take, getAndTouch", async () => {
  assert.equal(await tenants.touch("a"), false);
  assert.equal(await tenants.take("a"), undefined);
  assert.equal(await tenants.getAndTouch("a", 10), undefined);
  await tenants.set("a", burgers);
  assert.equal(await tenants.touch("a", 60), true);
  assertTtl(await tenants.ttl("a"), 60);
  assert.equal(await tenants.touch("a"), true);
  assertTtl(await tenants.ttl("a"), 300);
  assert.equal(await tenants.touch("a", undefined, { expiresAt: new Date(Date.now() + 45_000) }), true);
  assertTtl(await tenants.ttl("a"), 46);
  assert.deepEqual(await tenants.getAndTouch("a", "10 minutes"), burgers);
  assertTtl(await tenants.ttl("a"), 600);
  assert.deepEqual(await tenants.take("a"), burgers);
  assert.equal(await tenants.has("a"), false);
});

test("increment counts in numbers, and in bigints beyond them", async () => {
  const visits = cache.namespace<number>("visits");
  assert.equal(await visits.increment("a"), 1);
  assert.equal(await visits.increment("a", 41), 42);
  assert.equal(await visits.increment("a", -2), 40);
  assert.equal(await visits.get("a"), 40);
  assert.equal(await visits.increment("b", 1, { initial: 10, ttl: 60 }), 11);
  assertTtl(await visits.ttl("b"), 60);
  assert.equal(await visits.increment("c", 1, { initial: null }), undefined);
  assert.equal(await visits.increment("a", 2n ** 60n), 2n ** 60n + 40n);
  await assert.rejects(visits.increment("a"), { name: "RangeError", message: /is now 1152921504606847017,/ });
  assert.equal(await visits.increment("a", 0n), 2n ** 60n + 41n);
  await assert.rejects(visits.increment("a", 2 ** 53), RangeError);
  await assert.rejects(visits.increment("a", 0.5), RangeError);
});

test("count, keys and clear, with a prefix", async () => {
  await tenants.setMany({ "eu:a": burgers, "eu:b": burgers, "us:a": sushi });
  await cache.namespace("other").set("eu:x", 1);
  assert.equal(await tenants.count(), 3);
  assert.equal(await tenants.count({ prefix: "eu:" }), 2);
  assert.equal(await cache.count(), 4);
  assert.equal(await cache.count({ prefix: "tenant:u" }), 1);
  assert.deepEqual(await collect(tenants.keys()), ["eu:a", "eu:b", "us:a"]);
  assert.deepEqual(await collect(tenants.keys({ prefix: "eu:" })), ["eu:a", "eu:b"]);
  assert.equal(await tenants.clear({ prefix: "eu:" }), 2);
  assert.equal(await tenants.clear(), 1);
  assert.equal(await cache.clear(), 1);
});

test("keys returns every page, and its keys can be passed back", async () => {
  const odd = ["", " ", "a\nb", "x".repeat(600), ":", "ключ"];
  await tenants.setMany(odd.map((key) => [key, burgers]));
  const keys = await collect(tenants.keys());
  assert.equal(keys.length, odd.length);
  assert.equal((await tenants.getMany(keys)).size, odd.length);
  await tenants.setMany(Array.from({ length: 2000 - odd.length }, (_, i) => [`n${i}`, sushi] as const));
  assert.equal(new Set(await collect(tenants.keys())).size, 2000);
});

test("tags of the namespace and of the call", async () => {
  const menus = cache.namespace<string>("menu", { tags: ["menus"] });
  await menus.set("a", "A", { tags: ["restaurant:1"] });
  await menus.set("b", "B");
  await menus.setMany([["c", "C"]], { tags: ["restaurant:1", "any\nthing"] });
  assert.deepEqual((await menus.getEntry("a"))!.tags, ["menus", "restaurant:1"]);
  assert.equal(await cache.invalidateTags("restaurant:1"), 1);
  assert.deepEqual([...(await menus.getMany(["a", "b", "c"])).keys()], ["b"]);
  assert.equal(await cache.invalidateTags(["menus", "x"]), 2);
  assert.equal(await menus.get("b"), undefined);
  await menus.set("c", "C", { tags: ["any\nthing"] });
  await cache.invalidateTags(["any\nthing"]);
  assert.equal(await menus.has("c"), false);
  assert.equal(await cache.invalidateTags([]), 0);
});

test("bytes", async () => {
  const pages = cache.bytes("page", { ttl: 60 });
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.equal(await pages.set("a", all), true);
  assert.deepEqual(new Uint8Array((await pages.get("a"))!), all);
  assert.equal(await pages.set("a", all.subarray(3, 5)), true);
  assert.deepEqual([...(await pages.get("a"))!], [3, 4]);
  assert.equal(await pages.add("a", all), false);
  assert.equal(await pages.replace("a", Buffer.from("x")), true);
  assert.equal(await pages.setMany([["b", all, 30], ["c", new Uint8Array()]]), 2);
  const many = await pages.getMany(["c", "b", "a"]);
  assert.deepEqual([...many].map(([key, value]) => [key, value.length]), [["c", 0], ["b", 256], ["a", 1]]);
  const entry = (await pages.getEntry("b"))!;
  assert.deepEqual(new Uint8Array(entry.value), all);
  assert.equal(await pages.compareAndSet("b", Buffer.from("y"), entry.version), true);
  assert.deepEqual(await pages.getAndTouch("b", 60), Buffer.from("y"));
  assert.deepEqual(await pages.take("b"), Buffer.from("y"));
  assert.equal(await pages.take("b"), undefined);
  assert.deepEqual(await pages.getOrSet("d", () => Buffer.from("loaded")), Buffer.from("loaded"));
  assert.deepEqual(await pages.get("d"), Buffer.from("loaded"));
  await assert.rejects(pages.set("a", "text" as never), /stores a Uint8Array, not string/);
  await cache.namespace("page").set("json", { a: 1 });
  assert.deepEqual(await pages.get("json"), Buffer.from('{"a": 1}'));
});

test("JSON readers report an entry that holds bytes", async () => {
  await cache.bytes("tenant").set("a", Buffer.from("x"));
  assert.equal(await tenants.get("a"), undefined);
  const [first, ...others] = db.takeReported();
  assert.equal((first!.error as { code?: string }).code, "22023");
  assert.deepEqual(first!.context, { operation: "get", key: "tenant:a" });
  assert.deepEqual(others, []);
});

test("a value of another shape is a miss, reported, and loaded anew", async () => {
  const schema = z.object({ name: z.string(), plan: z.enum(["free", "pro"]) });
  const checked = cache.namespace("tenant", { schema });
  await cache.namespace("tenant").setMany({ old: { title: "Burger Palace" }, new: burgers });
  assert.equal(await checked.get("old"), undefined);
  assert.deepEqual([...(await checked.getMany(["old", "new"])).keys()], ["new"]);
  assert.equal(await checked.getEntry("old"), undefined);
  const reported = db.takeReported();
  assert.deepEqual(reported.map(({ context }) => context), [
    { operation: "get", key: "tenant:old" },
    { operation: "getMany", key: "tenant:old" },
    { operation: "getEntry", key: "tenant:old" },
  ]);
  assert.ok(reported.every(({ error }) => error instanceof z.ZodError));

  let loads = 0;
  const load = () => (loads++, { name: "Burger Palace", plan: "pro" as const });
  assert.deepEqual(await checked.getOrSet("old", load), burgers);
  assert.equal(db.takeReported().length, 1);
  assert.deepEqual(await checked.getOrSet("old", load), burgers);
  assert.equal(loads, 1);
});

test("a schema may transform: hits and loads give the same", async () => {
  const events = cache.namespace("event", { schema: z.object({ at: z.coerce.date() }) });
  const at = new Date(0);
  assert.deepEqual(await events.getOrSet("a", () => ({ at })), { at });
  assert.deepEqual(await events.getOrSet("a", () => assert.fail()), { at });
});

test("the name of a namespace is checked", () => {
  for (const name of ["", "a:b", " a", "a\n"]) assert.throws(() => cache.namespace(name), TypeError);
});

test("the extension can be in a schema that is not in the search path", async () => {
  const other = await testDatabase('CREATE SCHEMA "The Cache"; CREATE EXTENSION cache_pg SCHEMA "The Cache"');
  const values = other.cache({ schema: "The Cache" }).namespace<number>("n");
  assert.equal(await values.set("a", 1), true);
  assert.equal(await values.getOrSet("a", () => 2), 1);
  assert.equal((await values.getEntry("a"))?.value, 1);
  const client = await other.pool.connect();
  assert.equal(await values.get("a", { client }), 1);
  client.release();
  assert.equal(await other.cache().namespace("n").get("a"), undefined);
  assert.match(String(other.takeReported()[0]!.error), /cache_get/);
});
