// Owns the verbs of a namespace: one statement each. Must never run a loader twice, nor hide its error.

import type { Database, CallOptions, ErrorContext } from "./database.js";
import { Flights } from "./flights.js";
import { cacheKey } from "./key.js";
import type { NearCache, NearCacheOptions, NearCaches, NearFields } from "./near.js";
import { patiently, type Answer } from "./patience.js";
import { dateText, integerText, ttlText, versionText, type Codec, type Schema, type Ttl } from "./values.js";

export interface NamespaceOptions {
  /** The ttl of calls that have none. Default: that of `cache_configure`, or else `cache_pg.default_ttl`. */
  ttl?: Ttl;
  /** Tags that every entry of this namespace carries, beside those of the call. */
  tags?: readonly string[];
  /**
   * Keeps entries that are read often in the memory of this process. PostgreSQL tells it which to forget. The namespace
   * needs `cache_configure(..., notify => true)`. Another process's change is seen a moment after its commit.
   */
  nearCache?: boolean | NearCacheOptions;
}

export interface JsonNamespaceOptions<T> extends NamespaceOptions {
  /** An entry that does not pass is reported and counts as a miss: for example, one that an older release has stored. */
  schema?: Schema<T>;
}

export interface WriteOptions extends CallOptions {
  /** How long the entry lives. Default: the ttl of the namespace. */
  ttl?: Ttl | undefined;
  /** The deadline itself, instead of a ttl. One that has come already makes the entry a miss. */
  expiresAt?: Date | undefined;
  /** Names to invalidate the entry by, together with others: see `Cache.invalidateTags`. */
  tags?: readonly string[] | undefined;
}

export interface VersionOptions extends CallOptions {
  /** Acts only if the live entry still has this version: see `getEntry`. */
  version?: string | undefined;
}

export interface IncrementOptions extends CallOptions {
  /** How long a new counter lives. A live one keeps its deadline. Default: the ttl of the namespace. */
  ttl?: Ttl | undefined;
  /** What a new counter starts at, before the increment. Null: only a live counter is incremented. Default: 0. */
  initial?: number | bigint | null | undefined;
}

export interface PrefixOptions extends CallOptions {
  /** Only keys that begin with this text, which is no pattern. */
  prefix?: string | undefined;
}

export interface GetOrSetOptions extends WriteOptions {
  /**
   * How many seconds to wait while another process computes the value. Default: 2. Calls that wait have at most half of
   * the pool's connections, and give each back every tenth of a second.
   */
  wait?: number | undefined;
  /**
   * Returns a value past its deadline at once, and computes the new one afterwards. The namespace needs
   * `cache_configure(..., stale_for => ...)`. Not for a call with a client. Default: false.
   */
  background?: boolean | undefined;
}

/** What a loader may return: a value, and undefined for null if the namespace's values can be null. */
export type Loaded<T> = T | (null extends T ? undefined : never);

/** A live entry, with all that the cache knows of it. */
export interface Entry<T> {
  value: T;
  tags: string[];
  /** Changes with every write of the value. For `compareAndSet`, `delete` and `touch`. */
  version: string;
  /** When the entry was created. Replacing a live entry keeps it. */
  createdAt: Date;
  /** When the value was last written. */
  updatedAt: Date;
  /** The deadline, or null for an entry without one. */
  expiresAt: Date | null;
}

const DEFAULT_WAIT_SECONDS = 2;
const KEYS_PER_PAGE = 1000;

/**
 * The entries whose keys begin with the namespace's name and a colon.
 *
 * Keys may be any text: see `cacheKey`. If the cache fails, the error is reported to `onError`, and a read is a miss, a
 * write returns false or 0. A call with wrong arguments rejects with a TypeError or a RangeError.
 */
export class Namespace<T> {
  readonly #db: Database;
  readonly #flights = new Flights();
  readonly #nearCaches: NearCaches;
  readonly #near: NearCache | undefined;
  readonly #codec: Codec<T>;
  readonly #ttl: Ttl | undefined;
  readonly #tags: readonly string[];

  /** @internal Use `Cache.namespace` or `Cache.bytes`. */
  constructor(
    readonly name: string,
    shared: { db: Database; nearCaches: NearCaches },
    codec: Codec<T>,
    { ttl, tags = [], nearCache = false }: NamespaceOptions,
  ) {
    if (name.includes(":") || name === "" || cacheKey(name) !== name) {
      throw new TypeError(`${JSON.stringify(name)} cannot be the name of a namespace`);
    }
    this.#db = shared.db;
    this.#nearCaches = shared.nearCaches;
    this.#codec = codec;
    this.#ttl = ttl;
    this.#tags = tags;
    if (nearCache !== false) this.#near = this.#nearCaches.open(name, nearCache === true ? {} : nearCache);
  }

  /** The whole key, as the other functions of the cache know it: `key("burger-palace")` is `tenant:burger-palace`. */
  key(key: string): string {
    return cacheKey(this.name, key);
  }

  /** The value, or undefined on a miss. */
  async get(key: string, options: CallOptions = {}): Promise<T | undefined> {
    const full = this.key(key);
    const context = { operation: "get", key: full };
    const near = this.#nearFor(options);
    if (near !== undefined) {
      const stored = near.get(full) ?? (await this.#readMany(near, context, [full], options)).get(full);
      return this.#decode(stored, context)?.value;
    }
    const statement = `SELECT ${this.#codec.read(`cache_get${this.#codec.suffix}($1)`)} AS stored`;
    const row = await this.#db.call<{ stored: Stored }>(context, statement, [full], options);
    return this.#decode(row?.stored, context)?.value;
  }

  /** The values of the keys that have one, in the order of `keys`. */
  async getMany(keys: Iterable<string>, options: CallOptions = {}): Promise<Map<string, T>> {
    const context = { operation: "getMany" };
    const asked = new Map(Array.from(keys, (key) => [key, this.key(key)]));
    const near = this.#nearFor(options);
    const found = new Map<string, Stored>();
    for (const full of asked.values()) {
      const kept = near?.get(full);
      if (kept !== undefined) found.set(full, kept);
    }
    const missing = [...new Set(asked.values())].filter((full) => !found.has(full));
    if (missing.length > 0) {
      for (const [full, stored] of await this.#readMany(near, context, missing, options)) found.set(full, stored);
    }
    const values = new Map<string, T>();
    for (const [key, full] of asked) {
      const decoded = this.#decode(found.get(full), { ...context, key: full });
      if (decoded !== undefined) values.set(key, decoded.value);
    }
    return values;
  }

  /** The live entry with its tags, version and times, or undefined on a miss. Always asks the server. */
  async getEntry(key: string, options: CallOptions = {}): Promise<Entry<T> | undefined> {
    const full = this.key(key);
    const context = { operation: "getEntry", key: full };
    const row = await this.#db.call<EntryRow>(
      context,
      `SELECT ${this.#codec.entry} AS stored, e.tags, e.version::text AS version, ${ms("e.created_at")} AS created,
          ${ms("e.updated_at")} AS updated,
          CASE WHEN isfinite(e.expires_at) THEN ${ms("e.expires_at")} END AS expires
        FROM (VALUES (1)) AS one LEFT JOIN cache_entry($1) AS e ON true`,
      [full],
      options,
    );
    const decoded = this.#decode(row?.stored, context);
    if (row === undefined || decoded === undefined) return undefined;
    return {
      value: decoded.value,
      tags: row.tags ?? [],
      version: row.version,
      createdAt: new Date(row.created),
      updatedAt: new Date(row.updated),
      expiresAt: row.expires === null ? null : new Date(row.expires),
    };
  }

  /** Whether there is a live entry. Always asks the server. */
  async has(key: string, options: CallOptions = {}): Promise<boolean> {
    const full = this.key(key);
    return this.#ask({ operation: "has", key: full }, "SELECT cache_exists($1) AS result", [full], options);
  }

  /** The seconds until the deadline: `Infinity` without one, undefined on a miss. */
  async ttl(key: string, options: CallOptions = {}): Promise<number | undefined> {
    const full = this.key(key);
    const context = { operation: "ttl", key: full };
    const statement = "SELECT cache_ttl_seconds($1) AS result";
    const row = await this.#db.call<{ result: number | null }>(context, statement, [full], options);
    return row?.result ?? undefined;
  }

  /** Creates or replaces an entry. Returns whether it is stored. */
  async set(key: string, value: T, options: WriteOptions = {}): Promise<boolean> {
    return this.#store("set", key, value, options);
  }

  /**
   * Sets many entries in one statement. Each can have a ttl of its own, as the third element. Returns how many.
   */
  async setMany(
    entries: Iterable<readonly [key: string, value: T, ttl?: Ttl]> | Readonly<Record<string, T>>,
    options: Omit<WriteOptions, "expiresAt"> = {},
  ): Promise<number> {
    const list = Symbol.iterator in entries
      ? [...(entries as Iterable<readonly [string, T, Ttl?]>)]
      : Object.entries(entries as Readonly<Record<string, T>>).map((entry): readonly [string, T, Ttl?] => entry);
    if (list.length === 0) return 0;
    const keys = list.map(([key]) => this.key(key));
    const values = list.map(([, value]) => this.#codec.encode(value));
    const ttls = list.map(([, , ttl]) => this.#ttlText({ ttl: ttl ?? options.ttl }));
    return this.#change(
      { operation: "setMany" },
      `SELECT cache_set_many${this.#codec.suffix}($1::text[], $2::${this.#codec.type}[], $3::text[], $4::text[])::float8
        AS result`,
      [keys, values, ttls, this.#tagsOf(options)],
      options,
      keys,
    );
  }

  /** Sets an entry only if there is no live one. Returns whether it did. */
  async add(key: string, value: T, options: WriteOptions = {}): Promise<boolean> {
    return this.#store("add", key, value, options);
  }

  /** Sets an entry only if there is a live one. Returns whether it did. */
  async replace(key: string, value: T, options: WriteOptions = {}): Promise<boolean> {
    return this.#store("replace", key, value, options);
  }

  /** Sets an entry only if the live one still has this version, which `getEntry` returns. Returns whether it did. */
  async compareAndSet(key: string, value: T, version: string, options: WriteOptions = {}): Promise<boolean> {
    const full = this.key(key);
    return this.#changed(
      { operation: "compareAndSet", key: full },
      `SELECT cache_cas${this.#codec.suffix}($1, $2::${this.#codec.type}, $3::text::xid8, $4::text, $5::text[],
        $6::timestamptz) AS result`,
      [full, this.#codec.encode(value), versionText(version), ...this.#lifetime(options)],
      options,
    );
  }

  /** Deletes an entry. Returns whether it was live. A value that is being computed now is refused when it arrives. */
  async delete(key: string, options: VersionOptions = {}): Promise<boolean> {
    const full = this.key(key);
    const statement = "SELECT cache_delete($1, $2::text::xid8) AS result";
    return this.#changed({ operation: "delete", key: full }, statement, [full, versionText(options.version)], options);
  }

  /** Deletes entries in one statement. Returns how many were live. */
  async deleteMany(keys: Iterable<string>, options: CallOptions = {}): Promise<number> {
    const full = Array.from(keys, (key) => this.key(key));
    if (full.length === 0) return 0;
    const statement = "SELECT cache_delete_many($1::text[])::float8 AS result";
    return this.#change({ operation: "deleteMany" }, statement, [full], options, full);
  }

  /** Gives a live entry a new deadline. Returns whether there was one. */
  async touch(
    key: string,
    ttl?: Ttl,
    options: VersionOptions & Pick<WriteOptions, "expiresAt"> = {},
  ): Promise<boolean> {
    const full = this.key(key);
    const { version, expiresAt } = options;
    return this.#changed(
      { operation: "touch", key: full },
      "SELECT cache_touch($1, $2::text, $3::text::xid8, $4::timestamptz) AS result",
      [full, this.#ttlText({ ttl, expiresAt }), versionText(version), dateText(expiresAt)],
      options,
    );
  }

  /** Reads and deletes an entry in one: of two callers, one gets the value. Undefined on a miss. */
  async take(key: string, options: CallOptions = {}): Promise<T | undefined> {
    return this.#readAndChange("take", key, "", [], options);
  }

  /** Reads an entry and gives it a new deadline in one, for entries that live while they are used. */
  async getAndTouch(key: string, ttl?: Ttl, options: CallOptions = {}): Promise<T | undefined> {
    return this.#readAndChange("get_and_touch", key, ", $2::text", [this.#ttlText({ ttl })], options);
  }

  /**
   * Adds to a counter, and returns the sum. Undefined if the cache has failed, or if `initial` is null and there is no
   * counter. Pass a bigint to get a bigint: a sum that a number cannot hold exactly is a RangeError, after it was stored.
   */
  async increment(key: string, delta?: number, options?: IncrementOptions): Promise<number | undefined>;
  async increment(key: string, delta: bigint, options?: IncrementOptions): Promise<bigint | undefined>;
  async increment(key: string, delta: number | bigint = 1, options: IncrementOptions = {}) {
    const full = this.key(key);
    const { initial = 0 } = options;
    const statement = "SELECT cache_incr($1, $2::bigint, $3::text, $4::bigint)::text AS result";
    const values = [full, integerText(delta), this.#ttlText(options), initial === null ? null : integerText(initial)];
    const context = { operation: "increment", key: full };
    const row = await this.#forgetting([full], () =>
      this.#db.call<{ result: string | null }>(context, statement, values, options),
    );
    if (row === undefined || row.result === null) return undefined;
    if (typeof delta === "bigint") return BigInt(row.result);
    const sum = Number(row.result);
    if (Number.isSafeInteger(sum)) return sum;
    throw new RangeError(`the counter is now ${row.result}, which no number holds exactly; pass a bigint`);
  }

  /** How many live entries there are. */
  async count({ prefix = "", client }: PrefixOptions = {}): Promise<number> {
    const statement = "SELECT cache_count($1, $2)::float8 AS result";
    const values = [this.name, `${this.name}:${prefix}`];
    const row = await this.#db.call<{ result: number }>({ operation: "count" }, statement, values, { client });
    return row?.result ?? 0;
  }

  /** The keys of the live entries, as the other methods take them, in byte order. Asks for 1,000 at a time. */
  async *keys({ prefix = "", client }: PrefixOptions = {}): AsyncGenerator<string, void, undefined> {
    const statement = `SELECT array_agg(key) AS keys FROM cache_keys($1, $2, ${KEYS_PER_PAGE}, $3) AS key`;
    let after: string | null = null;
    do {
      const values: unknown[] = [this.name, after, `${this.name}:${prefix}`];
      const row: { keys: string[] | null } | undefined = await this.#db.call({ operation: "keys" }, statement, values, { client });
      const page: string[] = row?.keys ?? [];
      for (const key of page) yield key.slice(this.name.length + 1);
      after = page.length < KEYS_PER_PAGE ? null : page.at(-1)!;
    } while (after !== null);
  }

  /** Deletes every entry of the namespace, or those with the prefix. Returns how many were live. */
  async clear({ prefix, client }: PrefixOptions = {}): Promise<number> {
    const values = [this.name, prefix === undefined ? null : `${this.name}:${prefix}`];
    const forget = () => this.#nearCaches.forget({ namespace: this.name });
    forget();
    try {
      const statement = "SELECT cache_clear($1, $2)::float8 AS result";
      const row = await this.#db.call<{ result: number }>({ operation: "clear" }, statement, values, { client });
      return row?.result ?? 0;
    } finally {
      forget();
    }
  }

  /**
   * The value, or else what `load` returns, which is stored. Among all processes, one computes a missing value while
   * the others wait for it. A value is not stored if its key or its tags were invalidated since `load` began.
   *
   * - The value comes as JSON makes it: a Date comes as a string, also from `load`. If `load` returns null or
   *   undefined, null is stored.
   * - If `load` fails, its error is thrown. If there is a value past its deadline (`stale_for` of `cache_configure`), it
   *   is returned, and `onError` gets the error with `stale` true.
   * - If the cache fails, or another process takes longer than `wait`, the caller gets what `load` returns. It is not stored.
   * - Calls of this process that begin at the same time share one result, and the options and the `load` of the first.
   * - With a client, `load` should read through this client.
   */
  async getOrSet(key: string, load: () => Loaded<T> | Promise<Loaded<T>>, options: GetOrSetOptions = {}): Promise<T> {
    const full = this.key(key);
    const wait = options.wait ?? DEFAULT_WAIT_SECONDS;
    if (Number.isNaN(wait)) throw new TypeError("a wait cannot be NaN");
    if (options.client !== undefined) return this.#compute(full, load, options, wait, () => {});
    const kept = this.#decode(this.#nearFor(options)?.get(full), { operation: "getOrSet", key: full });
    if (kept !== undefined) return kept.value;
    return this.#flights.share(full, wait, (left, land) => this.#compute(full, load, options, left, land));
  }

  async #compute(
    key: string,
    load: () => Loaded<T> | Promise<Loaded<T>>,
    options: GetOrSetOptions,
    wait: number,
    land: () => void,
  ): Promise<T> {
    const context = { operation: "getOrSet", key };
    let fetched = await this.#fetch(context, key, wait, options);
    let hit = this.#decode(fetched?.stored, context);
    if (fetched?.found && hit === undefined && fetched.token === null) {
      // The value has another shape. There is a token for its key only after it has gone.
      await this.#changed(context, "SELECT cache_delete($1) AS result", [key], options);
      fetched = await this.#fetch(context, key, 0, options);
      hit = this.#decode(fetched?.stored, context);
    }
    const token = fetched?.token ?? null;
    if (hit === undefined) return this.#load(context, load, token, undefined, options);
    if (token === null) return hit.value;
    land();
    const refreshed = this.#load(context, load, token, hit, options);
    if (!options.background || options.client !== undefined) return refreshed;
    refreshed.catch((error: unknown) => this.#db.onError(error, context));
    return hit.value;
  }

  #fetch(context: KeyContext, key: string, wait: number, options: CallOptions): Promise<Fetched | undefined> {
    const pool = options.client === undefined ? this.#db.pool : undefined;
    return patiently(wait, pool, (seconds) => this.#fetchOnce(context, key, seconds, options));
  }

  async #fetchOnce(context: KeyContext, key: string, wait: number, options: CallOptions): Promise<Fetched | undefined> {
    const { suffix, read, entry } = this.#codec;
    const source = `cache_fetch${suffix}($1, $2::float8 * interval '1 second') AS f`;
    const waited = "extract(epoch FROM clock_timestamp() - statement_timestamp())::float8";
    const columns = `f.found, ${read("f.value")} AS stored, f.token, ${waited} AS waited`;
    const near = this.#nearFor(options);
    if (near === undefined) {
      return this.#db.call<Fetched>(context, `SELECT ${columns} FROM ${source}`, [key, wait], options);
    }
    return near.reading([key], async (found) => {
      const row = await this.#db.call<Fetched & NearRow>(
        context,
        `SELECT ${columns}, ${entry} AS entry, ${NEAR_COLUMNS}
          FROM ${source} LEFT JOIN cache_entry($1) AS e ON f.found AND NOT f.stale`,
        [key, wait],
      );
      if (row !== undefined) found(key, row.entry, row);
      return row;
    });
  }

  async #load(
    context: KeyContext,
    load: () => Loaded<T> | Promise<Loaded<T>>,
    token: string | null,
    hit: { value: T } | undefined,
    options: WriteOptions,
  ): Promise<T> {
    let loaded: Loaded<T>;
    try {
      loaded = await load();
    } catch (error) {
      await this.#release(context, token, options);
      if (hit === undefined) throw error;
      this.#db.onError(error, { ...context, stale: true });
      return hit.value;
    }
    const value = (loaded ?? null) as T;
    let encoded: string | Buffer;
    let decoded: T;
    try {
      encoded = this.#codec.encode(value);
      decoded = this.#codec.decode(encoded);
    } catch (error) {
      await this.#release(context, token, options);
      this.#db.failed(error, context);
      return value;
    }
    if (token !== null) {
      await this.#changed(
        context,
        `SELECT cache_fill${this.#codec.suffix}($1, $2::${this.#codec.type}, $3, $4::text, $5::text[], $6::timestamptz)
          AS result`,
        [context.key, encoded, token, ...this.#lifetime(options)],
        options,
      );
    }
    return decoded;
  }

  /** Gives the token back. An error is reported and never thrown, because the error of the loader counts. */
  async #release(context: KeyContext, token: string | null, options: CallOptions): Promise<void> {
    if (token === null) return;
    try {
      await this.#db.call(context, "SELECT cache_release($1, $2) AS result", [context.key, token], options);
    } catch (error) {
      this.#db.onError(error, context);
    }
  }

  /** The near cache, if messages arrive. A transaction asks the server, because it sees its own changes. */
  #nearFor({ client }: CallOptions): NearCache | undefined {
    return client === undefined && this.#near?.listening ? this.#near : undefined;
  }

  async #readMany(near: NearCache | undefined, context: ErrorContext, keys: string[], options: CallOptions) {
    const stored = new Map<string, Stored>();
    if (near === undefined) {
      const { suffix, read } = this.#codec;
      const row = await this.#db.call<{ keys: string[] | null; stored: Stored[] | null }>(
        context,
        `SELECT array_agg(key) AS keys, array_agg(${read("value")}) AS stored FROM cache_get_many${suffix}($1::text[])`,
        [keys],
        options,
      );
      row?.keys?.forEach((key, index) => stored.set(key, row.stored![index]!));
      return stored;
    }
    return near.reading(keys, async (found) => {
      const row = await this.#db.call<{ entries: EntryOfMany[] | null; stored: Stored[] | null }>(
        context,
        `SELECT json_agg(json_build_object('key', asked.key, 'tags', e.tags, 'remaining', ${REMAINING})) AS entries,
            array_agg(${this.#codec.entry}) AS stored
          FROM unnest($1::text[]) AS asked(key) CROSS JOIN LATERAL cache_entry(asked.key) AS e`,
        [keys],
      );
      row?.entries?.forEach((entry, index) => {
        stored.set(entry.key, row.stored![index]!);
        found(entry.key, row.stored![index]!, entry);
      });
      return stored;
    });
  }

  async #readAndChange(
    verb: "take" | "get_and_touch",
    key: string,
    parameters: string,
    values: unknown[],
    options: CallOptions,
  ): Promise<T | undefined> {
    const full = this.key(key);
    const context = { operation: verb === "take" ? "take" : "getAndTouch", key: full };
    const { suffix, read } = this.#codec;
    const statement = `SELECT ${read(`cache_${verb}${suffix}($1${parameters})`)} AS stored`;
    const row = await this.#forgetting([full], () =>
      this.#db.call<{ stored: Stored }>(context, statement, [full, ...values], options),
    );
    return this.#decode(row?.stored, context)?.value;
  }

  async #store(verb: "set" | "add" | "replace", key: string, value: T, options: WriteOptions): Promise<boolean> {
    const full = this.key(key);
    const { suffix, type } = this.#codec;
    const call = `cache_${verb}${suffix}($1, $2::${type}, $3::text, $4::text[], $5::timestamptz)`;
    return this.#changed(
      { operation: verb, key: full },
      // The deadline may be infinite. Drivers misread that.
      `SELECT ${verb === "set" ? `${call} IS NOT NULL` : call} AS result`,
      [full, this.#codec.encode(value), ...this.#lifetime(options)],
      options,
    );
  }

  async #ask(context: ErrorContext, statement: string, values: unknown[], options: CallOptions): Promise<boolean> {
    return (await this.#db.call<{ result: boolean | null }>(context, statement, values, options))?.result === true;
  }

  /** A statement that changes one entry, and returns whether it did. */
  async #changed(context: KeyContext, statement: string, values: unknown[], options: CallOptions): Promise<boolean> {
    return this.#forgetting([context.key], () => this.#ask(context, statement, values, options));
  }

  /** A statement that changes entries, and returns how many. */
  async #change(context: ErrorContext, statement: string, values: unknown[], options: CallOptions, keys: string[]) {
    const row = await this.#forgetting(keys, () =>
      this.#db.call<{ result: number | null }>(context, statement, values, options),
    );
    return row?.result ?? 0;
  }

  /** After a change, this process's next read asks the server, even if it comes before the message. */
  async #forgetting<R>(keys: readonly string[], change: () => Promise<R>): Promise<R> {
    const forget = () => keys.forEach((key) => this.#nearCaches.forget({ key }));
    forget();
    try {
      return await change();
    } finally {
      forget();
    }
  }

  #decode(stored: Stored | null | undefined, context: ErrorContext): { value: T } | undefined {
    if (stored === undefined || stored === null) return undefined;
    try {
      return { value: this.#codec.decode(stored) };
    } catch (error) {
      this.#db.onError(error, context);
      return undefined;
    }
  }

  #ttlText({ ttl, expiresAt }: Pick<WriteOptions, "ttl" | "expiresAt">): string | null {
    return ttlText(ttl ?? (expiresAt === undefined ? this.#ttl : undefined));
  }

  #tagsOf({ tags = [] }: WriteOptions): string[] | null {
    const all = [...this.#tags, ...tags];
    return all.length === 0 ? null : all.map((tag) => cacheKey(tag));
  }

  /** The last parameters of the functions that store a value. */
  #lifetime(options: WriteOptions): [ttl: string | null, tags: string[] | null, expiresAt: string | null] {
    return [this.#ttlText(options), this.#tagsOf(options), dateText(options.expiresAt)];
  }
}

type Stored = string | Buffer;
type KeyContext = ErrorContext & { key: string };

interface Fetched extends Answer, Record<string, unknown> {
  stored: Stored | null;
}

interface NearRow extends NearFields, Record<string, unknown> {
  entry: Stored | null;
}

interface EntryOfMany extends NearFields {
  key: string;
}

interface EntryRow extends Record<string, unknown> {
  stored: Stored | null;
  tags: string[] | null;
  version: string;
  created: number;
  updated: number;
  expires: number | null;
}

/** Milliseconds until the deadline, or a day where that is shorter: an infinite deadline has no number. */
const REMAINING = "extract(epoch FROM least(e.expires_at, now() + interval '1 day') - clock_timestamp())::float8 * 1000";
const NEAR_COLUMNS = `e.tags, ${REMAINING} AS remaining`;

/** Milliseconds since 1970, for JavaScript's Date. */
function ms(timestamp: string): string {
  return `extract(epoch FROM ${timestamp})::float8 * 1000`;
}
