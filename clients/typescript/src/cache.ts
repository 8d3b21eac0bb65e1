// Owns the entrance: options, namespaces, and what concerns all of them. Must never hold a connection of the pool.

import type { ClientConfig, Pool } from "pg";
import { Database, warnOnceAMinute, type CallOptions, type OnError } from "./database.js";
import { cacheKey } from "./key.js";
import { Locks, type LockOptions, type WithLockOptions } from "./lock.js";
import { Namespace } from "./namespace.js";
import { NearCaches } from "./near.js";
import type { JsonNamespaceOptions, NamespaceOptions, PrefixOptions } from "./options.js";
import { bytes, json } from "./values.js";

export interface CacheOptions {
  /**
   * The pool of node-postgres for every call without a client. Give it a `connectionTimeoutMillis` and a
   * `query_timeout`: without them, a call waits for as long as the server does not answer. Listen to its `error` events:
   * without a listener, node-postgres ends the program if the server ends an idle connection.
   */
  pool: Pool;
  /** The schema of the extension, if it is not in the search path. */
  schema?: string;
  /**
   * `"report"`: an error of the cache is reported to `onError`, and is a miss, false or 0 for the caller. `"throw"`: the
   * caller gets the error. Default: `"report"`. Both need `cache_pg.errors = raise`, the server's default: with another
   * value, the server hides the errors of calls without a client.
   */
  errors?: "report" | "throw";
  /** Is told about errors that no caller gets. Default: `console.warn`, at most once a minute. */
  onError?: OnError;
  /**
   * How near caches connect to listen. Default: as the pool does. A pooler in transaction mode passes no messages on.
   */
  listen?: ClientConfig;
}

/** The cache of a database. */
export class Cache {
  readonly #db: Database;
  readonly #nearCaches: NearCaches;
  readonly #locks: Locks;

  /** @internal Use `createCache`. */
  constructor({ pool, schema, errors = "report", onError = warnOnceAMinute(), listen }: CacheOptions) {
    this.#db = new Database(pool, schema, errors === "throw", onError);
    this.#nearCaches = new NearCaches(this.#db, listen ?? pool.options);
    this.#locks = new Locks(this.#db);
  }

  /** A namespace whose values are JSON. Create it once, and share it. */
  namespace<T>(name: string, options: JsonNamespaceOptions<T> = {}): Namespace<T> {
    return new Namespace(name, { db: this.#db, nearCaches: this.#nearCaches }, json(options.schema), options);
  }

  /** A namespace whose values are bytes, stored as they are. An entry that holds JSON is read as its text in UTF-8. */
  bytes(name: string, options: NamespaceOptions = {}): Namespace<Uint8Array> {
    return new Namespace<Uint8Array>(name, { db: this.#db, nearCaches: this.#nearCaches }, bytes, options);
  }

  /**
   * Makes every entry with one of the tags a miss. It is one small write for each tag, however many entries there are.
   * Returns the number of tags.
   */
  async invalidateTags(tags: string | Iterable<string>, options: CallOptions = {}): Promise<number> {
    const names = Array.from(typeof tags === "string" ? [tags] : tags, (tag) => cacheKey(tag));
    if (names.length === 0) return 0;
    return this.#count(
      "invalidateTags",
      "SELECT cache_invalidate_tags(VARIADIC $1::text[])::float8 AS result",
      [names],
      options,
      () => names.forEach((tag) => this.#nearCaches.forget({ tag })),
    );
  }

  /** Deletes every entry of every namespace, or those whose keys begin with the prefix. Returns how many were live. */
  async clear({ prefix, client }: PrefixOptions = {}): Promise<number> {
    const statement = "SELECT cache_clear(NULL, $1)::float8 AS result";
    return this.#count("clear", statement, [prefix ?? null], { client }, () => this.#nearCaches.forgetAll());
  }

  /** How many live entries there are in all namespaces. */
  async count({ prefix, client }: PrefixOptions = {}): Promise<number> {
    return this.#count("count", "SELECT cache_count(NULL, $1)::float8 AS result", [prefix ?? null], { client }, () => {});
  }

  /**
   * Takes a lock, or renews it for the same owner. Returns whether the owner has it now. The key is a whole key:
   * `"lock:nightly"`. A lock is an entry that expires, so do not build on it where two owners would do harm.
   */
  lock(key: string, options: LockOptions): Promise<boolean> {
    return this.#locks.lock(key, options);
  }

  /** Releases a lock. Returns whether the owner had it. */
  unlock(key: string, options: Pick<LockOptions, "owner" | "client">): Promise<boolean> {
    return this.#locks.unlock(key, options);
  }

  /** The owner of a lock, or undefined if it is free. */
  lockOwner(key: string, options: CallOptions = {}): Promise<string | undefined> {
    return this.#locks.lockOwner(key, options);
  }

  /**
   * Takes a lock, runs `work`, renews the lock meanwhile, and releases it at the end. Rejects with a `LockError` if the
   * lock is not free. The signal aborts if the lock is lost, because another owner took it or the cache does not answer.
   */
  withLock<R>(key: string, work: (lost: AbortSignal) => R | Promise<R>, options: WithLockOptions = {}): Promise<R> {
    return this.#locks.withLock(key, work, options);
  }

  /** Ends the connection of the near caches. The pool stays open. */
  close(): Promise<void> {
    return this.#nearCaches.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #count(operation: string, statement: string, values: unknown[], options: CallOptions, forget: () => void) {
    forget();
    try {
      return (await this.#db.call<{ result: number | null }>({ operation }, statement, values, options))?.result ?? 0;
    } finally {
      forget();
    }
  }
}

/** Opens the cache of the database that the pool connects to. */
export function createCache(options: CacheOptions): Cache {
  return new Cache(options);
}
