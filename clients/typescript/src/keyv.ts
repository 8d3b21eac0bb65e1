// Owns the storage adapter for Keyv 5 and 6: keys, deadlines and values as both ask for them. Must never touch an entry
// outside of its Keyv namespace.

import { EventEmitter } from "node:events";
import type { Pool, PoolConfig } from "pg";
import pg from "pg";
import { Database } from "./database.js";
import { frame, unframe } from "./keyv-frame.js";
import { cacheKey } from "./key.js";

/** Where the store finds the database: a pool of yours, or the settings of a pool that belongs to the store. */
export type KeyvCachePgOptions = ({ pool: Pool } | (PoolConfig & { pool?: undefined })) & {
  /** The Keyv namespace, if Keyv does not set one. Default: `keyv`. */
  namespace?: string | undefined;
  /** The schema of the extension. Default: the search path finds it. */
  schema?: string | undefined;
};

/** An entry of `setMany`: Keyv 5 passes `ttl`, and Keyv 6 passes `expires`. Both are in milliseconds. */
export interface KeyvCachePgEntry {
  key: string;
  value: unknown;
  ttl?: number | undefined;
  expires?: number | undefined;
}

const DEFAULT_NAMESPACE = "keyv";
/** A namespace is part of every key. This leaves half of a key to what follows it. */
const MAX_NAMESPACE_BYTES = 255;
/** So many entries make one statement of the iterator. */
const PAGE = 1000;

/** What Keyv 6 looks for in a store. */
const METHODS = [
  "get", "getMany", "has", "hasMany", "set", "setMany", "delete", "deleteMany", "clear", "disconnect", "iterator",
] as const;

/**
 * A Keyv ttl in seconds, at most what the server allows: a cache may forget earlier than it was asked to.
 *
 * The setting is unknown if the library is not preloaded and the session has not called the cache yet; `least` skips
 * what is NULL.
 */
const allowed = (ttl: string) =>
  `least(${ttl}, nullif(extract(epoch FROM current_setting('cache_pg.max_ttl', true)::interval)::float8, 0))`;

/**
 * A store for Keyv 5 and 6 in PostgreSQL: `new Keyv({ store: new KeyvCachePg({ pool }) })`.
 *
 * The entry of the Keyv key `foo` in the Keyv namespace `users` has the key `users:foo`, so `cache_configure('users')`,
 * the statistics and `cache_clear('users')` know it. Any text can be a key or a value. A value without a ttl lives as
 * long as the server allows (`cache_pg.max_ttl`, 30 days by default), and so does one with a longer ttl.
 *
 * In Keyv 6, a failing database is a miss, and an `error` event of Keyv tells about it. In Keyv 5 too, except that the
 * iterator rejects.
 */
export class KeyvCachePg extends EventEmitter {
  readonly #database: Database;
  readonly #owned: boolean;
  readonly #fallback: string;
  /** Which Keyv holds this store. The two majors pass different keys and deadlines. */
  #keyv: 5 | 6 | undefined;
  #namespace: string | undefined;
  /** Keyv 5 puts a namespace in front of its keys. A store that several share gets keys of all their namespaces. */
  readonly #prefixes = new Set<string>();

  constructor(options: KeyvCachePgOptions | string) {
    super();
    const given: KeyvCachePgOptions = typeof options === "string" ? { connectionString: options } : options;
    const { namespace, schema, pool, ...config } = given;
    this.#owned = pool === undefined;
    const connections = pool ?? new pg.Pool(config);
    if (this.#owned) connections.on("error", (error) => this.#tell(error)); // of an idle connection
    this.#database = new Database(connections, schema, true, () => {});
    this.#fallback = checked(namespace || DEFAULT_NAMESPACE);
  }

  /** Keyv 5 asks for this, and uses the iterator only of a `dialect` that it knows. */
  get opts(): { dialect: "postgres"; url: string } & Record<string, unknown> {
    this.#keyv ??= 5;
    return { dialect: "postgres", url: "" };
  }

  /** Keyv 6 asks for this. `expires` declares that `set` takes a moment, not a ttl. */
  get capabilities() {
    this.#keyv ??= 6;
    const methods = Object.fromEntries(METHODS.map((name) => [name, { exists: true, methodType: "async" as const }]));
    return {
      compatible: true,
      store: "keyvStorage" as const,
      methods: methods as Record<(typeof METHODS)[number], { exists: boolean; methodType: "async" }>,
      expires: true,
    };
  }

  /** The Keyv namespace: at most 255 bytes of UTF-8. Keyv sets it. */
  get namespace(): string | undefined {
    return this.#namespace;
  }

  set namespace(namespace: string | undefined) {
    this.#namespace = namespace && checked(namespace);
    if (namespace) this.#prefixes.add(namespace);
  }

  async get(key: string): Promise<any> {
    try {
      const place = this.#place(key);
      const { value } = await this.#call<{ value: Buffer | null }>("SELECT cache_get_bytes($1) AS value", [place.entry]);
      return value === null ? undefined : unframe(value, place.entry).value;
    } catch (error) {
      // Keyv 5 turns the error into a miss, and tells nobody.
      if (this.#keyv === 5) this.emit("error", error);
      throw error;
    }
  }

  async getMany(keys: string[]): Promise<any[]> {
    return this.#read(keys, undefined, async (entries) => {
      const rows = await this.#rows<{ key: string; value: Buffer }>(
        "SELECT key, value FROM cache_get_many_bytes($1::text[])", [entries]);
      const found = new Map(rows.map(({ key, value }) => [key, this.#unframe(value, key)?.value]));
      return entries.map((entry) => found.get(entry));
    });
  }

  async has(key: string): Promise<boolean> {
    return (await this.hasMany([key]))[0]!;
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return this.#read(keys, false, async (entries) => {
      const { found } = await this.#call<{ found: boolean[] }>(
        "SELECT ARRAY(SELECT cache_exists(key) FROM unnest($1::text[]) WITH ORDINALITY AS k(key, n) ORDER BY n) AS found",
        [entries]);
      return found;
    });
  }

  /** `deadline` is a ttl in Keyv 5, a moment since 1970 in Keyv 6, and in both a number of milliseconds. */
  async set(key: string, value: unknown, deadline?: number): Promise<boolean> {
    const place = this.#place(key);
    await this.#call(`SELECT cache_set_bytes($1, $2::bytea, ${allowed("$3::float8")}) IS NOT NULL`, [
      place.entry, frame(value, place.hidden), this.#ttl(deadline),
    ]);
    return true;
  }

  async setMany(entries: KeyvCachePgEntry[]): Promise<boolean[]> {
    const places = entries.map(({ key }) => this.#place(key));
    await this.#call(
      `SELECT cache_set_many_bytes($1::text[], $2::bytea[],
         ARRAY(SELECT ${allowed("ttl")} FROM unnest($3::float8[]) WITH ORDINALITY AS t(ttl, n) ORDER BY n))`,
      [
        places.map((place) => place.entry),
        entries.map(({ value }, n) => frame(value, places[n]!.hidden)),
        entries.map(({ ttl, expires }) => this.#ttl(ttl ?? expires)),
      ]);
    return entries.map(() => true);
  }

  async delete(key: string): Promise<boolean> {
    return (await this.#call<{ deleted: boolean }>("SELECT cache_delete($1) AS deleted", [this.#place(key).entry])).deleted;
  }

  /** Keyv 6 wants a result for each key, and Keyv 5 one for all: whether every key was there. Their types differ, too. */
  async deleteMany(keys: string[]): Promise<any> {
    const entries = keys.map((key) => this.#place(key).entry);
    // In the order of bytes, as all functions of the cache, so that two statements never deadlock.
    const rows = await this.#rows<{ key: string; deleted: boolean }>(
      `SELECT key, cache_delete(key) AS deleted
       FROM (SELECT DISTINCT key COLLATE "C" AS key FROM unnest($1::text[]) AS key ORDER BY 1) AS sorted`, [entries]);
    const deleted = new Map(rows.map((row) => [row.key, row.deleted]));
    const results = entries.map((entry) => deleted.get(entry)!);
    return this.#keyv === 5 ? results.every(Boolean) : results;
  }

  /** Deletes the entries of the namespace. */
  async clear(): Promise<void> {
    await this.#call("SELECT cache_clear($1)", [segment(this.#current)]);
  }

  /** The keys and values of the namespace, in the order of their entries' keys. */
  async *iterator(): AsyncGenerator<any, void> {
    const namespace = this.#current;
    const prefix = `${segment(namespace)}:`;
    let after: string | null = null;
    do {
      const rows: { key: string; value: Buffer | null }[] = await this.#rows(
        `SELECT key, cache_get_bytes(key) AS value FROM cache_keys($1, $2, ${PAGE}) AS key`, [segment(namespace), after]);
      for (const { key, value } of rows) {
        if (value === null) continue; // It has expired since.
        const stored = this.#unframe(value, key);
        if (stored === undefined) continue;
        const given = stored.key ?? key.slice(prefix.length);
        yield [this.#keyv === 5 ? `${namespace}:${given}` : given, stored.value];
      }
      after = rows.length < PAGE ? null : rows.at(-1)!.key;
    } while (after !== null);
  }

  /** Ends the pool, if it belongs to this store. */
  async disconnect(): Promise<void> {
    if (this.#owned && !this.#database.pool.ending) await this.#database.pool.end();
  }

  get #current(): string {
    return this.#namespace ?? this.#fallback;
  }

  /** The key of the entry, and the Keyv key if the entry's key does not show it. */
  #place(given: string): { entry: string; hidden: string | undefined } {
    let namespace = this.#current;
    let key = given;
    if (this.#keyv === 5) {
      const prefix = this.#prefixOf(given);
      if (prefix !== undefined) {
        namespace = prefix;
        key = given.slice(prefix.length + 1);
      }
    }
    const plain = `${segment(namespace)}:${key}`;
    const entry = cacheKey(plain);
    return { entry, hidden: entry === plain ? undefined : key };
  }

  #prefixOf(key: string): string | undefined {
    if (key.startsWith(`${this.#namespace}:`)) return this.#namespace;
    for (const prefix of this.#prefixes) if (key.startsWith(`${prefix}:`)) return prefix;
    return undefined;
  }

  /** Seconds from now, at least a millisecond. What is past already is a miss by the time that anybody reads it. */
  #ttl(deadline: number | undefined | null): number {
    if (deadline === undefined || deadline === null || !Number.isFinite(deadline)) return Infinity;
    const left = this.#keyv === 5 ? deadline : deadline - Date.now();
    return Math.max(1, left) / 1000;
  }

  /** Keyv 5 does not catch the errors of these methods. A failing cache is to be a miss there, too. */
  async #read<T>(keys: string[], miss: T, read: (entries: string[]) => Promise<T[]>): Promise<T[]> {
    try {
      return await read(keys.map((key) => this.#place(key).entry));
    } catch (error) {
      if (this.#keyv !== 5) throw error;
      this.emit("error", error);
      return keys.map(() => miss);
    }
  }

  /** Undefined for what another program stored. It costs no other entry its value. */
  #unframe(value: Buffer, entry: string): ReturnType<typeof unframe> | undefined {
    try {
      return unframe(value, entry);
    } catch (error) {
      this.#tell(error);
      return undefined;
    }
  }

  #tell(error: unknown): void {
    if (this.listenerCount("error") > 0) this.emit("error", error);
    else console.warn("cache-pg: the Keyv store:", error);
  }

  async #call<R extends Record<string, unknown>>(statement: string, values: readonly unknown[]): Promise<R> {
    return (await this.#rows<R>(statement, values))[0]!;
  }

  async #rows<R extends Record<string, unknown>>(statement: string, values: readonly unknown[]): Promise<R[]> {
    return (await this.#database.pool.query<R>(this.#database.qualify(statement), [...values])).rows;
  }
}

export default KeyvCachePg;

/** The namespace of the cache for a Keyv namespace: another one for each, so that clearing one leaves the others. */
function segment(namespace: string): string {
  return cacheKey(namespace.replace(/[%:]/g, encodeURIComponent));
}

function checked(namespace: string): string {
  if (Buffer.byteLength(segment(namespace)) > MAX_NAMESPACE_BYTES) {
    throw new RangeError(`a Keyv namespace has at most ${MAX_NAMESPACE_BYTES} bytes: ${JSON.stringify(namespace)}`);
  }
  return namespace;
}
