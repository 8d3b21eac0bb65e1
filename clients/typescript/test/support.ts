// A database of its own for each file of tests, and what they need to wait for.

import { randomUUID } from "node:crypto";
import { after } from "node:test";
import pg from "pg";
import { createCache, type Cache, type CacheOptions, type ErrorContext } from "cache-pg";

export interface Reported {
  error: unknown;
  context: ErrorContext;
}

export interface TestDatabase {
  url: string;
  pool: pg.Pool;
  /** A cache on the pool, closed after the tests, whose errors go to `reported`. */
  cache(options?: Partial<CacheOptions>): Cache;
  /** The errors that caches of this database have reported. */
  reported: Reported[];
  /** Takes the errors out of `reported`. */
  takeReported(): Reported[];
}

const admin = process.env.DATABASE_URL;
if (admin === undefined) throw new Error("set DATABASE_URL to a superuser's connection");

/** Creates a database with the extension. It is dropped after the tests of the file. */
export async function testDatabase(create = "CREATE EXTENSION cache_pg"): Promise<TestDatabase> {
  const name = `cache_pg_ts_${randomUUID().replaceAll("-", "")}`;
  await statement(admin!, `CREATE DATABASE ${name}`);
  const url = new URL(admin!);
  url.pathname = `/${name}`;
  await statement(url.href, create);
  const pool = new pg.Pool({ connectionString: url.href });
  // A server that ends a connection of the pool is part of some tests.
  pool.on("error", () => {});
  const caches: Cache[] = [];
  const reported: Reported[] = [];
  after(async () => {
    await Promise.all(caches.map((cache) => cache.close()));
    await pool.end();
    await statement(admin!, `DROP DATABASE ${name} WITH (FORCE)`);
  });
  return {
    url: url.href,
    pool,
    reported,
    cache(options = {}) {
      const cache = createCache({ pool, onError: (error, context) => reported.push({ error, context }), ...options });
      caches.push(cache);
      return cache;
    },
    takeReported: () => reported.splice(0),
  };
}

async function statement(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

/** Asks until the answer is true, and fails after ten seconds. */
export async function until(what: string, answer: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await answer())) {
    if (performance.now() > deadline) throw new Error(`it did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A promise to be settled from outside. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void; fail: (error: Error) => void } {
  let open!: (value: T) => void;
  let fail!: (error: Error) => void;
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

/** All that an async generator yields. */
export async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

/** Runs `work` in a transaction, and commits it, or rolls it back if it fails. */
export async function transaction<R>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<R>): Promise<R> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}
