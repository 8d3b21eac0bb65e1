// The suite of Keyv for its storage adapters, as the registry has it, over Keyv 6. It was made for Keyv 5.
import suite, { keyvIteratorTests } from "@keyv/test-suite";
import { KeyvCachePg } from "cache-pg/keyv";
import Keyv from "keyv";
import * as test from "vitest";

const stores = [];
const store = () => {
  stores.push(new KeyvCachePg({ connectionString: process.env.DATABASE_URL, max: 2 }));
  return stores.at(-1);
};

test.afterEach(async () => {
  for (const opened of stores.splice(0)) await opened.disconnect();
});

// In Keyv 6 the result is an array, which is true, whatever the store. See store.test.js.
const it = (name, ...rest) =>
  (name === ".deleteMany([keys]) with nonexistent keys resolves to false" ? test.it.skip : test.it)(name, ...rest);

suite({ ...test, it }, Keyv, store);
keyvIteratorTests(test, Keyv, store);
