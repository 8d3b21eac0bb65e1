import { KeyvCachePg } from "cache-pg/keyv";
import Keyv, { KeyvMemoryAdapter } from "keyv";
import * as vitest from "vitest";
import { storeTests } from "../keyv-store.js";

storeTests(vitest, Keyv, KeyvCachePg, 6);

const { afterEach, expect, test } = vitest;

const opened = [];
const open = (options) => {
  opened.push(new KeyvCachePg({ connectionString: process.env.DATABASE_URL, ...options }));
  return opened.at(-1);
};

afterEach(async () => {
  for (const store of opened.splice(0)) {
    await store.clear();
    await store.disconnect();
  }
});

test("Keyv uses the store without a bridge", () => {
  const store = open();
  expect(new Keyv({ store }).store).toBe(store);
});

test("a store of its own takes moments, and no namespace from Keyv", async () => {
  const store = open({ namespace: "own" });
  expect(store.namespace).toBeUndefined();
  expect(await store.set("soon", "text", Date.now() + 60_000)).toBe(true);
  expect(await store.get("soon")).toBe("text");
  expect(await store.setMany([{ key: "past", value: "text", expires: Date.now() - 1000 }, { key: "own:x", value: "text" }])).toEqual([true, true]);
  await expect.poll(() => store.has("past"), { timeout: 5000, interval: 5 }).toBe(false);
  expect(await store.has("x")).toBe(false);
  const keys = [];
  for await (const [key] of store.iterator()) keys.push(key);
  expect(keys).toEqual(["own:x", "soon"]);
  store.namespace = "other";
  expect(await store.get("soon")).toBeUndefined();
  store.namespace = undefined;
  expect(await store.get("soon")).toBe("text");
});

// The reason why the suite of Keyv 5 leaves one test out.
test("deleteMany has a result for each key, as in Keyv's own store", async () => {
  for (const store of [open(), new KeyvMemoryAdapter(new Map())]) {
    const keyv = new Keyv({ store });
    expect(await keyv.delete(["foo", "foo1", "foo2"])).toEqual([false, false, false]);
  }
});
