// Tests of the extension for Prisma, over the tables of schema.sql.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PrismaPg } from "@prisma/adapter-pg";
import { Prisma, PrismaClient } from "@prisma/client";
import { withCache, type CacheStrategy, type WithCacheOptions } from "cache-pg/prisma";
import pg from "pg";

const SCHEMA = "prisma_test";
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, options: `-c search_path=${SCHEMA},public` });
/** The statements that Prisma has sent. */
const statements: string[] = [];
const errors: unknown[] = [];

function connect(options: Partial<WithCacheOptions> = {}) {
  const base = new PrismaClient({ adapter: new PrismaPg(pool, { schema: SCHEMA }), log: [{ emit: "event", level: "query" }] });
  base.$on("query", ({ query }) => statements.push(query));
  return base.$extends(withCache({ pool, onError: (error) => errors.push(error), ...options }));
}

const prisma = connect();
const strategy: CacheStrategy = { ttl: 60 };

/** The result, and how many statements it took. */
async function counted<T>(work: () => PromiseLike<T>): Promise<[T, number]> {
  const first = statements.length;
  const result = await work();
  return [result, statements.length - first];
}

/** Runs a query twice: against the database, and then against the cache. Returns what both agree on. */
async function twice<T>(work: () => PromiseLike<T>): Promise<T> {
  const [fresh, needed] = await counted(work);
  assert.ok(needed > 0, "the first call is a miss");
  const [cached, again] = await counted(work);
  assert.equal(again, 0, "the second call is a hit");
  assert.deepStrictEqual(cached, fresh);
  return cached;
}

async function misses(work: () => PromiseLike<unknown>): Promise<void> {
  assert.ok((await counted(work))[1] > 0, "the query runs");
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, "the condition holds in time");
    await sleep(10);
  }
}

async function sql<T>(text: string, ...values: unknown[]): Promise<T> {
  return Object.values((await pool.query(text, values)).rows[0] ?? {})[0] as T;
}

before(async () => {
  await pool.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE; CREATE SCHEMA ${SCHEMA}`);
  await pool.query(readFileSync(new URL("../schema.sql", import.meta.url), "utf8"));
});

beforeEach(async () => {
  await pool.query(`TRUNCATE tenants, dishes, "Cuisine", "_CuisineToTenant" RESTART IDENTITY; SELECT cache_clear()`);
  statements.length = errors.length = 0;
  const tenant = await prisma.tenant.create({
    data: {
      slug: "burger-palace",
      budget: "12345678901234567890.000000000001",
      visits: 9007199254740993n,
      score: 1.5,
      logo: new Uint8Array([0, 255, 1]),
      created: new Date("2026-03-01T12:00:00.123Z"),
      config: { $type: "Date", value: "no date", nested: [{ $type: 1 }, null, "é\0".slice(0, 1)] },
      flags: ["a", "b"],
      dishes: { create: [{ name: "Fries", price: "3.10" }, { name: "Cheeseburger", price: 9 }] },
      cuisines: { create: [{ name: "American" }] },
    },
  });
  assert.equal(tenant.id, 1);
});

after(async () => {
  await prisma.$disconnect();
  await pool.end();
});

describe("results", () => {
  test("have the values and types that they have without the cache", async () => {
    const bare = await prisma.tenant.findMany({ include: { dishes: true, cuisines: true } });
    const cached = await twice(() =>
      prisma.tenant.findMany({ include: { dishes: true, cuisines: true }, cacheStrategy: strategy }));
    assert.deepStrictEqual(cached, bare);
    const [tenant] = cached;
    assert.ok(tenant!.budget instanceof Prisma.Decimal);
    assert.equal(tenant!.budget.toFixed(), "12345678901234567890.000000000001");
    assert.equal(typeof tenant!.visits, "bigint");
    assert.equal(tenant!.logo!.constructor, bare[0]!.logo!.constructor);
    assert.ok(tenant!.created instanceof Date);
    assert.deepEqual(Object.keys(tenant!), Object.keys(bare[0]!));
  });

  test("have the floats that JSON lacks", async () => {
    for (const score of [-0, NaN, Infinity, -Infinity]) {
      await pool.query("UPDATE tenants SET score = $1", [Object.is(score, -0) ? "-0" : score]);
      await prisma.$cache.invalidateAll();
      assert.ok(Object.is((await twice(() => prisma.tenant.findFirst({ cacheStrategy: strategy })))?.score, score), `${score}`);
    }
  });

  test("of every operation that reads", async () => {
    const where = { slug: "burger-palace" };
    assert.equal((await twice(() => prisma.tenant.findUnique({ where, cacheStrategy: strategy })))?.id, 1);
    assert.equal((await twice(() => prisma.tenant.findUniqueOrThrow({ where, cacheStrategy: strategy }))).id, 1);
    assert.equal((await twice(() => prisma.tenant.findFirst({ where, cacheStrategy: strategy })))?.id, 1);
    assert.equal((await twice(() => prisma.tenant.findFirstOrThrow({ where, cacheStrategy: strategy }))).id, 1);
    assert.equal(await twice(() => prisma.dish.count({ cacheStrategy: strategy })), 2);
    assert.deepEqual(await twice(() => prisma.dish.count({ select: { _all: true, name: true }, cacheStrategy: strategy })), { _all: 2, name: 2 });
    const sum = await twice(() => prisma.dish.aggregate({ _sum: { price: true }, _count: true, cacheStrategy: strategy }));
    assert.equal(sum._sum.price?.toFixed(2), "12.10");
    assert.equal(sum._count, 2);
    const groups = await twice(() =>
      prisma.dish.groupBy({ by: ["tenantId"], _max: { price: true }, orderBy: { tenantId: "asc" }, cacheStrategy: strategy }));
    assert.equal(groups[0]?._max.price?.toFixed(0), "9");
    assert.equal(errors.length, 0);
  });

  test("that are null are cached, and errors are not", async () => {
    const where = { slug: "nobody" };
    assert.equal(await twice(() => prisma.tenant.findUnique({ where, cacheStrategy: strategy })), null);
    for (const round of [1, 2]) {
      await assert.rejects(prisma.tenant.findUniqueOrThrow({ where, cacheStrategy: strategy }), { code: "P2025" }, `round ${round}`);
    }
    assert.equal(errors.length, 0);
  });

  test("belong to the caller, who can change them", async () => {
    const query = () => prisma.tenant.findMany({ cacheStrategy: strategy });
    const results = await Promise.all([query(), query(), query()]);
    for (const result of results) result.pop();
    assert.equal((await query()).length, 1);
  });

  test("of a relation by the fluent API do not mix with those of a select", async () => {
    const where = { id: 1 };
    const query = () => prisma.tenant.findUnique({ where, select: { dishes: true }, cacheStrategy: strategy });
    const fluent = () => (prisma.tenant.findUnique({ where, cacheStrategy: strategy }) as any).dishes();
    assert.equal((await twice(query))?.dishes.length, 2);
    assert.equal(((await twice(fluent)) as unknown[]).length, 2);
    assert.equal((await query())?.dishes.length, 2);
  });

  test("with fields that an extension computes", async () => {
    const extended = prisma.$extends({
      result: { tenant: { title: { needs: { slug: true }, compute: ({ slug }) => slug.toUpperCase() } } },
    });
    const query = () => extended.tenant.findFirst({ select: { id: true, title: true }, cacheStrategy: strategy });
    for (const round of [1, 2]) assert.equal(JSON.stringify(await query()), '{"id":1,"title":"BURGER-PALACE"}', `round ${round}`);
  });
});

describe("keys", () => {
  test("do not depend on the order of keys, nor on what is undefined", async () => {
    await twice(() => prisma.dish.findMany({ where: { name: "Fries", tenantId: 1 }, cacheStrategy: strategy }));
    const [, needed] = await counted(() =>
      prisma.dish.findMany({ cacheStrategy: strategy, where: { tenantId: 1, price: Prisma.skip, name: "Fries" } }));
    assert.equal(needed, 0);
  });

  test("differ for arguments that mean different queries", async () => {
    const created = new Date("2026-03-01T12:00:00.123Z");
    const wheres: Prisma.TenantWhereInput[] = [
      {}, { id: 1 }, { id: 2 }, { visits: 1n }, { visits: 2n }, { budget: new Prisma.Decimal("1.5") }, { budget: new Prisma.Decimal("2.5") },
      { created }, { created: new Date(0) }, { logo: new Uint8Array([1]) }, { logo: new Uint8Array([2]) },
      { config: { equals: Prisma.DbNull } }, { config: { equals: Prisma.JsonNull } }, { config: { equals: Prisma.AnyNull } }, { config: { equals: {} } },
      { config: { equals: { $type: "Date", value: created.toISOString() } } }, { config: { equals: created.toISOString() } },
      { score: { gt: prisma.tenant.fields.score } }, { score: { gt: 0 } }, { flags: { has: "a" } }, { flags: { hasEvery: ["a", "b"] } },
      { flags: { hasEvery: ["b", "a"] } }, { NOT: { id: 1 } }, { OR: [{ id: 1 }] },
    ];
    for (const where of wheres) {
      const query = () => prisma.tenant.findMany({ where, cacheStrategy: strategy });
      const [expected, needed] = [await prisma.tenant.findMany({ where }), (await counted(query))[1]];
      assert.ok(needed > 0, `no other query has the key of ${JSON.stringify(where, (_, v) => (typeof v === "bigint" ? String(v) : v))}`);
      assert.deepStrictEqual(await query(), expected);
    }
    for (const args of [{ take: 1 }, { skip: 1 }, { orderBy: { id: "asc" } }, { orderBy: { id: "desc" } }, { select: { id: true } }, { omit: { id: true } }] as const) {
      await misses(() => prisma.tenant.findMany({ ...args, cacheStrategy: strategy }));
    }
    await misses(() => prisma.tenant.findFirst({ cacheStrategy: strategy }));
    await misses(() => prisma.dish.findMany({ cacheStrategy: strategy }));
    await misses(() => prisma.tenant.findMany({ cacheStrategy: strategy }));
    await misses(() => prisma.tenant.findMany({ cacheStrategy: { ttl: 61 } }));
    await misses(() => prisma.tenant.findMany({ cacheStrategy: { ttl: 60, swr: 1 } }));
    assert.deepEqual(errors, []);
  });

  test("differ for clients with another namespace or other omitted fields", async () => {
    await twice(() => prisma.tenant.findMany({ cacheStrategy: strategy }));
    const other = connect({ namespace: "other" });
    await misses(() => other.tenant.findMany({ cacheStrategy: strategy }));
    const omitting = new PrismaClient({ adapter: new PrismaPg(pool, { schema: SCHEMA }), omit: { tenant: { slug: true } } })
      .$extends(withCache({ pool }));
    assert.equal("slug" in (await omitting.tenant.findFirst({ cacheStrategy: strategy }))!, false);
    assert.equal("slug" in (await prisma.tenant.findFirst({ cacheStrategy: strategy }))!, true);
    assert.equal("slug" in (await omitting.tenant.findFirst({ cacheStrategy: strategy }))!, false);
  });

  test("are hashes below the model and the operation", async () => {
    await prisma.tenant.findMany({ cacheStrategy: strategy });
    assert.match(await sql("SELECT cache_keys('prisma')"), /^prisma:Tenant:findMany:[0-9a-f]{32}$/);
  });
});

describe("the strategy", () => {
  test("sets the ttl in seconds", async () => {
    await prisma.tenant.findMany({ cacheStrategy: { ttl: 100, swr: 20 } });
    const left = await sql<number>("SELECT cache_ttl_seconds(key) FROM cache_keys('prisma') AS key");
    assert.ok(left > 110 && left <= 120, `${left}`);
  });

  test("without ttl means the namespace's", async () => {
    await prisma.tenant.findMany({ cacheStrategy: {} });
    const left = await sql<number>("SELECT cache_ttl_seconds(key) FROM cache_keys('prisma') AS key");
    assert.ok(left > 290 && left <= 300, `${left}`);
  });

  test("with a ttl of 0 caches nothing", async () => {
    for (const round of [1, 2]) assert.equal((await counted(() => prisma.tenant.findMany({ cacheStrategy: { ttl: 0 } })))[1], 1, `round ${round}`);
    assert.equal(await sql("SELECT count(*)::int FROM cache_keys('prisma')"), 0);
    assert.deepEqual(errors, []);
  });

  test("lets a result expire", async () => {
    const query = () => prisma.tenant.findMany({ cacheStrategy: { ttl: 0.05 } });
    await query();
    await until(async () => (await counted(query))[1] > 0);
  });

  test("with swr returns the stale result at once, and computes the new one once", async () => {
    const query = () => prisma.tenant.findFirst({ select: { slug: true }, cacheStrategy: { ttl: 0.3, swr: 60 } });
    assert.equal((await query())?.slug, "burger-palace");
    await pool.query("UPDATE tenants SET slug = 'sushi-place'");
    statements.length = 0;
    assert.equal((await query())?.slug, "burger-palace");
    assert.equal(statements.length, 0);
    await until(async () => {
      const slug = (await query())?.slug;
      if (slug === "sushi-place") return true;
      assert.equal(slug, "burger-palace");
      return false;
    });
    // The new result is there before the lock of its refresh is gone.
    await until(async () => (await sql("SELECT count(*)::int FROM cache_keys('prisma')")) === 1);
    assert.deepEqual(errors, []);
  });

  test("with swr never brings back an invalidated result", async () => {
    let started = () => {};
    let resume = () => {};
    const running = new Promise<void>((resolve) => (started = resolve));
    const resumed = new Promise<void>((resolve) => (resume = resolve));
    let slow = false;
    const base = new PrismaClient({ adapter: new PrismaPg(pool, { schema: SCHEMA }) });
    const client = base.$extends(withCache({ pool, onError: (error) => errors.push(error) })).$extends({
      query: { tenant: { async findFirst({ args, query }) {
        const result = await query(args);
        if (slow) {
          started();
          await resumed;
        }
        return result;
      } } },
    });
    const query = () => client.tenant.findFirst({ select: { slug: true }, cacheStrategy: { swr: 60, tags: ["slugs"] } });
    await query();
    slow = true;
    assert.equal((await query())?.slug, "burger-palace");
    await running; // The refresh has read the old row.
    await pool.query("UPDATE tenants SET slug = 'sushi-place'");
    await prisma.$cache.invalidate({ tags: ["slugs"] });
    slow = false;
    assert.equal((await query())?.slug, "sushi-place");
    resume();
    await until(async () => (await sql("SELECT count(*)::int FROM cache_keys('prisma') AS key WHERE key LIKE '%:refresh'")) === 0);
    assert.equal((await query())?.slug, "sushi-place");
    assert.deepEqual(errors, []);
  });
});

describe("invalidation", () => {
  test("by the tags of the strategy", async () => {
    const tagged = () => prisma.tenant.findMany({ cacheStrategy: { ttl: 60, tags: ["any tag\n", "other"] } });
    const untagged = () => prisma.tenant.findMany({ cacheStrategy: strategy });
    await twice(tagged);
    await twice(untagged);
    await prisma.$cache.invalidate({ tags: ["any tag\n"] });
    await misses(tagged);
    assert.equal((await counted(untagged))[1], 0);
  });

  test("by model, and of everything", async () => {
    const query = () => prisma.tenant.findMany({ include: { dishes: true }, cacheStrategy: strategy });
    await twice(query);
    await prisma.$cache.invalidate({ models: ["Dish"] });
    await twice(query);
    await prisma.$cache.invalidateAll();
    await twice(query);
    await prisma.$cache.invalidate({});
    await assert.rejects(prisma.$cache.invalidate({ models: ["Nothing"] }), TypeError);
  });

  test("in a transaction happens at its commit", async () => {
    const query = () => prisma.tenant.findMany({ cacheStrategy: { ttl: 60, tags: ["tenants"] } });
    await twice(query);
    await assert.rejects(prisma.$transaction(async (tx) => {
      await prisma.$cache.invalidate({ tags: ["tenants"] }, tx);
      throw new Error("rolled back");
    }), /rolled back/);
    assert.equal((await counted(query))[1], 0);
    await prisma.$transaction(async (tx) => {
      await tx.tenant.updateMany({ data: { plan: "PRO" } });
      await prisma.$cache.invalidate({ tags: ["tenants"] }, tx);
      assert.equal((await counted(query))[1], 0);
    });
    assert.equal((await query())[0]?.plan, "PRO");
  });

  test("rejects if the cache fails", async () => {
    const lame = connect({ schema: "nowhere" });
    await assert.rejects(lame.$cache.invalidate({ tags: ["a"] }), { code: "3F000" });
  });
});

describe("watched tables", () => {
  before(() => prisma.$cache.watch());
  after(() => pool.query(`SELECT cache_unwatch(source) FROM cache_watches WHERE source::text !~ 'pg_'`));

  // The rows that each query reads, and a change of them that must be seen.
  const changes = {
    tenant: "UPDATE tenants SET plan = 'PRO'",
    dish: "UPDATE dishes SET price = price + 1",
    cuisine: `UPDATE "Cuisine" SET name = 'Diner'`,
    link: `DELETE FROM "_CuisineToTenant"`,
  };
  type Change = keyof typeof changes;
  const queries: [string, () => PromiseLike<unknown>, Change[]][] = [
    ["a model", () => prisma.tenant.findMany({ cacheStrategy: strategy }), ["tenant"]],
    ["include", () => prisma.tenant.findMany({ include: { dishes: true }, cacheStrategy: strategy }), ["tenant", "dish"]],
    ["nested select", () => prisma.dish.findMany({ select: { tenant: { select: { cuisines: true } } }, cacheStrategy: strategy }), ["dish", "tenant", "cuisine", "link"]],
    ["a filter below an include", () => prisma.tenant.findMany({ include: { dishes: { where: { tenant: { cuisines: { some: { name: "American" } } } } } }, cacheStrategy: strategy }), ["tenant", "dish", "cuisine", "link"]],
    ["some", () => prisma.tenant.findMany({ where: { dishes: { some: { price: { gt: 1 } } } }, cacheStrategy: strategy }), ["tenant", "dish"]],
    ["none, below NOT and OR", () => prisma.dish.count({ where: { NOT: { OR: [{ tenant: { is: { cuisines: { none: { name: "x" } } } } }] } }, cacheStrategy: strategy }), ["dish", "tenant", "cuisine", "link"]],
    ["order by a relation", () => prisma.dish.findMany({ orderBy: [{ tenant: { slug: "asc" } }], cacheStrategy: strategy }), ["dish", "tenant"]],
    ["order by a count", () => prisma.tenant.findMany({ orderBy: { cuisines: { _count: "asc" } }, cacheStrategy: strategy }), ["tenant", "cuisine", "link"]],
    ["all counts", () => prisma.tenant.findMany({ include: { _count: true }, cacheStrategy: strategy }), ["tenant", "dish", "cuisine", "link"]],
    ["a count", () => prisma.tenant.findMany({ include: { _count: { select: { dishes: { where: { instead: { name: "x" } } } } } }, cacheStrategy: strategy }), ["tenant", "dish"]],
    ["aggregate", () => prisma.dish.aggregate({ _sum: { price: true }, where: { tenant: { slug: "burger-palace" } }, cacheStrategy: strategy }), ["dish", "tenant"]],
    ["group by", () => prisma.dish.groupBy({ by: ["name"], where: { tenant: { slug: "burger-palace" } }, cacheStrategy: strategy }), ["dish", "tenant"]],
    ["the fluent API", () => (prisma.dish.findUnique({ where: { id: 1 }, cacheStrategy: strategy }) as any).tenant(), ["dish", "tenant"]],
  ];
  for (const [name, query, read] of queries) {
    test(`${name} is invalidated by a change of what it reads`, async () => {
      for (const change of Object.keys(changes) as Change[]) {
        await pool.query("SELECT cache_clear()");
        await query();
        assert.equal((await counted(query))[1], 0, "a hit");
        await pool.query(changes[change]);
        const [, needed] = await counted(query);
        if (read.includes(change)) assert.ok(needed > 0, `a change of ${change} is seen`);
        // A change of the links counts for both of its models.
        else if (change !== "link") assert.equal(needed, 0, `a change of ${change} does not matter`);
      }
    });
  }

  test("a change of another client's transaction counts at its commit", async () => {
    const query = () => prisma.tenant.findFirst({ select: { plan: true }, cacheStrategy: strategy });
    await query();
    const client = await pool.connect();
    await client.query("BEGIN");
    await client.query("UPDATE tenants SET plan = 'PRO'");
    assert.equal((await query())?.plan, "FREE");
    await client.query("COMMIT");
    client.release();
    assert.equal((await query())?.plan, "PRO");
  });

  test("watching again changes nothing, and keeps what others watch", async () => {
    await pool.query("SELECT cache_watch('tenants', ARRAY['tenant:{slug}'], ARRAY['mine'])");
    await prisma.$cache.watch("Tenant");
    const watched = () => pool.query("SELECT keys, tags FROM cache_watches WHERE source = 'tenants'::regclass");
    assert.deepEqual((await watched()).rows, [{ keys: ["tenant:{slug}"], tags: ["mine", "prisma:Tenant"] }]);
    const triggers = () => sql("SELECT array_agg(oid ORDER BY oid)::text FROM pg_trigger WHERE tgrelid = 'tenants'::regclass");
    const before = await triggers();
    await prisma.$cache.watch();
    assert.equal(await triggers(), before);
    await assert.rejects(prisma.$cache.watch("Nothing"), /there is no model "Nothing"/);
  });

  test("a table that does not exist is an error", async () => {
    await assert.rejects(connect({ tables: { Dish: "elsewhere.dishes" } }).$cache.watch("Dish"), { code: "42P01" });
  });
});

describe("transactions bypass the cache", () => {
  const query = { select: { plan: true }, cacheStrategy: strategy } as const;

  test("interactive ones", async () => {
    assert.equal((await prisma.tenant.findFirst(query))?.plan, "FREE");
    await assert.rejects(prisma.$transaction(async (tx) => {
      await tx.tenant.updateMany({ data: { plan: "PRO" } });
      assert.equal((await tx.tenant.findFirst(query))?.plan, "PRO");
      throw new Error("rolled back");
    }), /rolled back/);
    assert.equal((await prisma.tenant.findFirst(query))?.plan, "FREE");
    await pool.query("SELECT cache_clear()");
    await prisma.$transaction(async (tx) => {
      await tx.tenant.findFirst(query);
    });
    assert.equal(await sql("SELECT count(*)::int FROM cache_keys('prisma')"), 0);
  });

  test("lists of queries", async () => {
    const [before, , after] = await prisma.$transaction([
      prisma.tenant.findFirst(query), prisma.tenant.updateMany({ data: { plan: "PRO" } }), prisma.tenant.findFirst(query),
    ]);
    assert.deepEqual([before?.plan, after?.plan], ["FREE", "PRO"]);
    assert.equal(await sql("SELECT count(*)::int FROM cache_keys('prisma')"), 0);
    const [one] = await prisma.$transaction([prisma.tenant.findFirst(query)], { isolationLevel: "Serializable" });
    assert.equal(one?.plan, "PRO");
  });
});

describe("a cache that fails", () => {
  const without: Record<string, () => Partial<WithCacheOptions>> = {
    "has no server": () => ({ pool: new pg.Pool({ host: "127.0.0.1", port: 1, user: "x" }) }),
    "has no extension": () => ({ schema: "nowhere" }),
    "refuses a strategy": () => ({}),
  };
  for (const [name, options] of Object.entries(without)) {
    test(`fails no query: it ${name}`, async () => {
      const client = connect(options());
      const cacheStrategy = name === "refuses a strategy" ? { ttl: -1 } : strategy;
      const [tenants, needed] = await counted(() => client.tenant.findMany({ cacheStrategy }));
      assert.equal(tenants.length, 1);
      assert.equal(needed, 1);
      assert.ok(errors.length > 0);
      await assert.rejects(client.tenant.findFirstOrThrow({ where: { id: 5 }, cacheStrategy }), { code: "P2025" });
    });
  }

  test("is passed by if the result is too large", async () => {
    await prisma.tenant.update({ where: { id: 1 }, data: { logo: new Uint8Array(3_000_000).map(() => Math.random() * 256) } });
    assert.equal((await prisma.tenant.findFirst({ cacheStrategy: strategy }))?.logo?.length, 3_000_000);
    assert.equal((errors[0] as { code?: string }).code, "54000");
  });

  test("is passed by if it has something else under the key", async () => {
    await prisma.tenant.findMany({ cacheStrategy: strategy });
    await pool.query("SELECT cache_set_bytes(key, 'x') FROM cache_keys('prisma') AS key");
    assert.equal((await prisma.tenant.findMany({ cacheStrategy: strategy })).length, 1);
    assert.ok(errors[0] instanceof SyntaxError);
  });
});

test("queries without a strategy do not use the cache", async () => {
  for (const round of [1, 2]) assert.equal((await counted(() => prisma.tenant.findMany()))[1], 1, `round ${round}`);
  assert.equal(await sql("SELECT count(*)::int FROM cache_keys('prisma')"), 0);
});

test("many callers of a missing result need one query", async () => {
  const query = () => prisma.tenant.findMany({ cacheStrategy: strategy });
  const [results, needed] = await counted(() => Promise.all(Array.from({ length: 50 }, query)));
  assert.equal(needed, 1);
  for (const result of results) assert.deepStrictEqual(result, results[0]);
});

/** Checked by the compiler only. */
export async function types(): Promise<void> {
  const selected = await prisma.tenant.findMany({ select: { id: true }, cacheStrategy: { ttl: 1, swr: 1, tags: ["a"] } });
  selected satisfies { id: number }[];
  // @ts-expect-error: it is not selected
  selected[0]?.slug;
  const included = await prisma.tenant.findUnique({ where: { id: 1 }, include: { dishes: true }, cacheStrategy: strategy });
  included satisfies { budget: Prisma.Decimal; logo: Uint8Array | null; dishes: { price: Prisma.Decimal }[] } | null;
  // @ts-expect-error: it may be null
  included.id;
  const existing = await prisma.tenant.findFirstOrThrow({ cacheStrategy: strategy });
  existing.visits satisfies bigint;
  (await prisma.dish.count({ cacheStrategy: strategy })) satisfies number;
  (await prisma.dish.aggregate({ _avg: { price: true }, cacheStrategy: strategy }))._avg.price satisfies Prisma.Decimal | null;
  // @ts-expect-error: nothing of this name
  await prisma.tenant.findMany({ cacheStrategy: { til: 1 } });
  // @ts-expect-error: a number of seconds
  await prisma.tenant.findMany({ cacheStrategy: { ttl: "1 minute" } });
  // @ts-expect-error: no such field
  await prisma.tenant.findMany({ where: { nothing: 1 }, cacheStrategy: strategy });
  // @ts-expect-error: needs a where
  await prisma.tenant.findUnique({ cacheStrategy: strategy });
  // @ts-expect-error: only what reads
  await prisma.tenant.deleteMany({ cacheStrategy: strategy });
}
