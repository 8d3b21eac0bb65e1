// Tests of the Keyv store that hold for Keyv 5 and 6, beside the suite of Keyv.
import pg from "pg";

/** Registers the tests with vitest, for a major version of Keyv and the store of the package under test. */
export function storeTests({ afterAll, beforeEach, describe, expect, test }, Keyv, KeyvCachePg, major) {
  const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 4 });
  const sql = async (text, ...values) => Object.values((await pool.query(text, values)).rows[0])[0];
  const keyv = (options = {}) => {
    const opened = new Keyv({ store: new KeyvCachePg({ pool }), ...options });
    opened.on("error", (error) => errors.push(error));
    return opened;
  };
  const all = async (iterator) => {
    const found = new Map();
    for await (const [key, value] of iterator) found.set(key, value);
    return found;
  };
  const raw = major === 5 ? { serialize: undefined, deserialize: undefined } : { serialization: false };
  let errors = [];

  beforeEach(async () => {
    errors = [];
    await sql("SELECT cache_clear()");
  });
  afterAll(() => pool.end());

  const KEYS = [
    "plain", "a:b", ":", "::a", "%3A", " leading", "trailing ", "tab\there", "line\n", "nul\0", "\x7f", "é".repeat(400),
    "k".repeat(5000), "🙂".repeat(200), "'", '"', "\\", "{}", "#", "keyv6:", "a#0123456789abcdef0123456789abcdef",
  ];

  test("any text is a key, and the iterator gives it back", async () => {
    const cache = keyv();
    for (const key of KEYS) expect(await cache.set(key, `value of ${key}`)).toBe(true);
    for (const key of KEYS) {
      expect(await cache.get(key)).toBe(`value of ${key}`);
      expect(await cache.has(key)).toBe(true);
    }
    expect(await cache.getMany([...KEYS, "absent"])).toEqual([...KEYS.map((key) => `value of ${key}`), undefined]);
    expect(await cache.hasMany([...KEYS, "absent"])).toEqual([...KEYS.map(() => true), false]);
    expect([...(await all(cache.iterator())).keys()].sort()).toEqual([...KEYS].sort());
    for (const key of KEYS) expect(await cache.delete(key)).toBe(true);
    expect((await all(cache.iterator())).size).toBe(0);
    expect(errors).toEqual([]);
  });

  test("a namespace is one of the cache, and clearing it leaves the others", async () => {
    const names = ["a", "a:b", "a%3Ab", " a ", "a\n", "ä"];
    for (const namespace of names) expect(await keyv({ namespace }).set("b:key", namespace)).toBe(true);
    expect(await sql("SELECT cache_exists('a:b:key') AND cache_exists('a%3Ab:b:key')")).toBe(true);
    for (const namespace of names) expect(await keyv({ namespace }).get("b:key")).toBe(namespace);
    await keyv({ namespace: "a" }).clear();
    for (const namespace of names) {
      expect(await keyv({ namespace }).get("b:key")).toBe(namespace === "a" ? undefined : namespace);
    }
    expect(() => keyv({ namespace: "n".repeat(256) })).toThrow(RangeError);
  });

  test("an entry that another program stored is a miss, and leaves the others", async () => {
    const cache = keyv();
    await cache.set("mine", 1);
    await sql("SELECT cache_set('keyv:json', '{}')");
    await sql("SELECT cache_set_bytes('keyv:short', '\\x0500')");
    await sql("SELECT cache_set_bytes('keyv:long', '\\x05ffffffff01')");
    await sql("SELECT cache_set_bytes('keyv:clone', '\\x02ff')");
    const foreign = ["json", "short", "long", "clone"];
    expect(await cache.getMany(["mine", ...foreign])).toEqual([1, undefined, undefined, undefined, undefined]);
    expect(errors.length).toBe(4);
    for (const key of foreign) expect(await cache.get(key)).toBeUndefined();
    expect(errors.length).toBe(8);
    expect(await all(cache.iterator())).toEqual(new Map([["mine", 1]]));
    expect(errors.length).toBe(12);
    for (const error of errors) expect(String(error)).toContain("was not stored by KeyvCachePg");
  });

  test("clear leaves what others have in the cache", async () => {
    await sql("SELECT cache_set('tenant:1', '1')");
    const cache = keyv();
    await cache.set("key", 1);
    await cache.clear();
    expect(await cache.get("key")).toBeUndefined();
    expect(await sql("SELECT cache_exists('tenant:1')")).toBe(true);
  });

  test("a value without a ttl, or with a longer one than allowed, lives as long as allowed", async () => {
    const cache = keyv();
    const year = 365 * 24 * 3600_000;
    expect(await cache.set("none", 1)).toBe(true);
    expect(await cache.set("year", 1, year)).toBe(true);
    expect(await cache.set("fifty", 1, 50 * year)).toBe(true);
    expect(await cache.set("minute", 1, 60_000)).toBe(true);
    await cache.setMany([{ key: "many:none", value: 1 }, { key: "many:year", value: 1, ttl: year }, { key: "many:minute", value: 1, ttl: 60_000 }]);
    const left = (key) => sql("SELECT cache_ttl_seconds($1)", `keyv:${key}`);
    for (const key of ["none", "year", "fifty", "many:none", "many:year"]) {
      expect(await left(key)).toBeGreaterThan(29.9 * 24 * 3600);
      expect(await left(key)).toBeLessThanOrEqual(30 * 24 * 3600);
    }
    for (const key of ["minute", "many:minute"]) {
      expect(await left(key)).toBeGreaterThan(50);
      expect(await left(key)).toBeLessThanOrEqual(60);
    }
    expect(errors).toEqual([]);
  });

  test("a value expires in the database", async () => {
    await keyv().set("soon", 1, 50);
    await expect.poll(() => sql("SELECT cache_exists('keyv:soon')"), { timeout: 5000, interval: 10 }).toBe(false);
  });

  test("values that Keyv does not serialise come back with their types", async () => {
    const cache = keyv(raw);
    const value = { date: new Date(0), map: new Map([[1, 2n]]), bytes: Buffer.from("x"), none: undefined, text: "\0\ud800" };
    expect(await cache.set("raw", value)).toBe(true);
    expect(await cache.get("raw")).toEqual(value);
    expect((await all(cache.iterator())).size).toBe(1);
  });

  test("what cannot be stored is an error event, and no value", async () => {
    const cache = keyv(raw);
    expect(await cache.set("function", () => 1)).toBe(false);
    expect(await keyv().set("large", "x".repeat(3_000_000))).toBe(false);
    expect(errors.map((error) => error.code ?? error.message)).toEqual([expect.stringContaining("not be cloned"), "54000"]);
  });

  test("an entry of others is an error, and the iterator passes it by", async () => {
    const cache = keyv();
    await cache.set("mine", 1);
    await sql("SELECT cache_set('keyv:theirs', '\"x\"')");
    expect(await cache.get("theirs")).toBeUndefined();
    expect(errors.length).toBe(1);
    expect(await all(cache.iterator())).toEqual(new Map([["mine", 1]]));
    expect(errors.map((error) => error.message)).toEqual([expect.any(String), expect.stringContaining("keyv:theirs")]);
  });

  test("the iterator reads more than a page", async () => {
    const cache = keyv();
    const entries = Array.from({ length: 2001 }, (_, n) => ({ key: `key ${n}`, value: n }));
    expect(await cache.setMany(entries)).toEqual(entries.map(() => true));
    expect(await all(cache.iterator())).toEqual(new Map(entries.map(({ key, value }) => [key, value])));
  });

  test("a key given twice has the last value, and is deleted once", async () => {
    const cache = keyv();
    await cache.setMany([{ key: "twice", value: 1 }, { key: "twice", value: 2 }]);
    expect(await cache.get("twice")).toBe(2);
    const deleted = await cache.delete(["twice", "twice", "absent"]);
    expect(deleted).toEqual(major === 5 ? false : [true, true, false]);
  });

  test("no keys are no error", async () => {
    const cache = keyv();
    expect(await cache.getMany([])).toEqual([]);
    expect(await cache.hasMany([])).toEqual([]);
    expect(await cache.setMany([])).toEqual([]);
    expect(errors).toEqual([]);
  });

  describe("without a server", () => {
    const down = () => {
      const cache = new Keyv({ store: new KeyvCachePg({ host: "127.0.0.1", port: 1, user: "x" }) });
      cache.on("error", (error) => errors.push(error));
      return cache;
    };
    const cases = {
      get: [(cache) => cache.get("key"), undefined],
      getMany: [(cache) => cache.getMany(["key", "other"]), [undefined, undefined]],
      has: [(cache) => cache.has("key"), false],
      hasMany: [(cache) => cache.hasMany(["key"]), [false]],
      set: [(cache) => cache.set("key", 1), false],
      setMany: [(cache) => cache.setMany([{ key: "key", value: 1 }]), [false]],
      delete: [(cache) => cache.delete("key"), false],
      deleteMany: [(cache) => cache.deleteMany(["key"]), major === 5 ? false : [false]],
      clear: [(cache) => cache.clear(), undefined],
    };
    for (const [name, [call, expected]] of Object.entries(cases)) {
      test(`${name} is a miss and one error event`, async () => {
        expect(await call(down())).toEqual(expected);
        expect(errors.map((error) => error.code)).toEqual(["ECONNREFUSED"]);
      });
    }
  });

  test("disconnect ends the store's own pool only", async () => {
    await keyv().disconnect();
    expect(await sql("SELECT 1")).toBe(1);
    const own = new Keyv({ store: new KeyvCachePg(process.env.DATABASE_URL) });
    own.on("error", (error) => errors.push(error));
    await own.set("key", 1);
    await own.disconnect();
    await own.disconnect();
    expect(await own.get("key")).toBeUndefined();
    expect(errors.length).toBe(1);
  });
}
