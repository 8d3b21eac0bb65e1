import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { cacheKey } from "cache-pg";
import { testDatabase } from "./support.js";

const { pool } = await testDatabase();

function hash(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex").slice(0, 32);
}

test("a valid key stays as it is", () => {
  assert.equal(cacheKey("tenant", "burger-palace"), "tenant:burger-palace");
  assert.equal(cacheKey("a"), "a");
  assert.equal(cacheKey("a", "", "b"), "a::b");
  assert.equal(cacheKey("x".repeat(512)), "x".repeat(512));
  assert.equal(cacheKey("menu", "a b", "é"), "menu:a b:é");
  assert.equal(cacheKey("\ufeffa\u200b"), "\ufeffa\u200b");
});

test("any other text keeps a readable beginning and ends in a hash", () => {
  assert.equal(cacheKey(""), `#${hash("")}`);
  assert.equal(cacheKey("a\nb"), `a_b#${hash("a\nb")}`);
  assert.equal(cacheKey(" \u3000a "), `__a #${hash(" \u3000a ")}`);
  assert.equal(cacheKey("x".repeat(513)), `${"x".repeat(479)}#${hash("x".repeat(513))}`);
  // 478 bytes, then a character of two: it would be cut in half.
  const long = `${"x".repeat(478)}${"é".repeat(20)}`;
  assert.equal(cacheKey(long), `${"x".repeat(478)}#${hash(long)}`);
});

test("the vectors of the SQL function", (t) => {
  const file = new URL("../../../../tests/vectors/cache_key.json", import.meta.url);
  if (!existsSync(file)) return t.skip("this is not a clone of the repository");
  const vectors = JSON.parse(readFileSync(file, "utf8")) as { parts: string[]; key: string }[];
  assert.ok(vectors.length > 0);
  for (const { parts, key } of vectors) assert.equal(cacheKey(...parts), key);
});

test("the SQL function makes the same keys", async () => {
  const spaces = [..."\t\n\v\f\r \x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000", "\ufeff", "\u180e", "\u200b"];
  const cases = [
    ...spaces.flatMap((space) => [[space], [`${space}a`], [`a${space}`], [`a${space}b`], ["a", `${space}${space}b${space}`]]),
    ["é".repeat(256)],
    ["é".repeat(257)],
    ["a", "😀".repeat(200)],
    ["\x01", "\x7f\x9f"],
    ["", ""],
  ];
  for (const parts of cases) {
    const { rows } = await pool.query("SELECT cache_key(VARIADIC $1::text[]) AS key", [parts]);
    assert.equal(cacheKey(...parts), rows[0].key, JSON.stringify(parts));
  }
});
