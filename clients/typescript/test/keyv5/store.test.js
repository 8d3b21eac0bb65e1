import { KeyvCachePg } from "cache-pg/keyv";
import Keyv from "keyv";
import * as vitest from "vitest";
import { storeTests } from "../keyv-store.js";

storeTests(vitest, Keyv, KeyvCachePg, 5);

const { expect, test } = vitest;

test("several Keyvs share a store", async () => {
  const store = new KeyvCachePg(process.env.DATABASE_URL);
  const users = new Keyv({ store, namespace: "users" });
  await users.set("key", "user");
  const menus = new Keyv({ store, namespace: "menus" });
  await menus.set("key", "menu");
  expect(await users.get("key")).toBe("user");
  expect(await menus.get("key")).toBe("menu");
  await store.disconnect();
});

test("without the prefix of Keyv, the store has the namespace", async () => {
  const store = new KeyvCachePg(process.env.DATABASE_URL);
  const bare = new Keyv({ store, namespace: "bare", useKeyPrefix: false });
  await bare.set("key", 1);
  expect(await store.has("bare:key")).toBe(true);
  await bare.clear();
  expect(await bare.get("key")).toBeUndefined();
  await store.disconnect();
});

test("throwOnErrors throws", async () => {
  const store = new KeyvCachePg({ host: "127.0.0.1", port: 1, user: "x" });
  const strict = new Keyv({ store, throwOnErrors: true });
  await expect(strict.get("key")).rejects.toThrow("ECONNREFUSED");
  await expect(strict.set("key", 1)).rejects.toThrow("ECONNREFUSED");
});
