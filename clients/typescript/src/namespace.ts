// Owns the verbs of a namespace: the statement of each. Must never return before the near caches of this process have
// forgotten what it changed.

import type { CallOptions, Database } from "./database.js";
import { Entries, type Stored } from "./entries.js";
import { Computed } from "./get-or-set.js";
import { cacheKey } from "./key.js";
import type { NearCaches } from "./near.js";
import type {
  Entry,
  GetOrSetOptions,
  IncrementOptions,
  Loaded,
  NamespaceOptions,
  PrefixOptions,
  VersionOptions,
  WriteOptions,
} from "./options.js";
import { dateText, integerText, versionText, type Codec, type Ttl } from "./values.js";

interface EntryRow extends Record<string, unknown> {
  stored: Stored | null;
  tags: string[] | null;
  version: string;
  created: number;
  updated: number;
  expires: number | null;
}

const KEYS_PER_PAGE = 1000;

/**
 * The entries whose keys begin with the namespace's name and a colon.
 *
 * Keys may be any text: see `cacheKey`. If the cache fails, the error is reported to `onError`, and a read is a miss, a
 * write returns false or 0. A call with wrong arguments rejects with a TypeError or a RangeError.
 */
export class Namespace<T> {
  readonly #entries: Entries<T>;
  readonly #nearCaches: NearCaches;
  readonly #computed: Computed<T>;

  /** @internal Use `Cache.namespace` or `Cache.bytes`. */
  constructor(
    readonly name: string,
    shared: { db: Database; nearCaches: NearCaches },
    codec: Codec<T>,
    options: NamespaceOptions,
  ) {
    this.#entries = new Entries(name, shared.db, shared.nearCaches, codec, options);
    this.#nearCaches = shared.nearCaches;
    this.#computed = new Computed(this.#entries);
  }

  /** The whole key, as the other functions of the cache know it: `key("burger-palace")` is `tenant:burger-palace`. */
  key(key: string): string {
    return cacheKey(this.name, key);
  }

  /** The value, or undefined on a miss. */
  async get(key: string, options: CallOptions = {}): Promise<T | undefined> {
    const full = this.key(key);
    const context = { operation: "get", key: full };
    const near = this.#entries.nearFor(options);
    if (near !== undefined) {
      const stored = near.get(full) ?? (await this.#entries.readMany(near, context, [full], options)).get(full);
      return this.#entries.decode(stored, context)?.value;
    }
    const { read, suffix } = this.#entries.codec;
    const statement = `SELECT ${read(`cache_get${suffix}($1)`)} AS stored`;
    const row = await this.#entries.db.call<{ stored: Stored }>(context, statement, [full], options);
    return this.#entries.decode(row?.stored, context)?.value;
  }

  /** The values of the keys that have one, in the order of `keys`. */
  async getMany(keys: Iterable<string>, options: CallOptions = {}): Promise<Map<string, T>> {
    const context = { operation: "getMany" };
    const asked = new Map(Array.from(keys, (key) => [key, this.key(key)]));
    const near = this.#entries.nearFor(options);
    const found = new Map<string, Stored>();
    for (const full of asked.values()) {
      const kept = near?.get(full);
      if (kept !== undefined) found.set(full, kept);
    }
    const missing = [...new Set(asked.values())].filter((full) => !found.has(full));
    if (missing.length > 0) {
      const read = await this.#entries.readMany(near, context, missing, options);
      for (const [full, stored] of read) found.set(full, stored);
    }
    const values = new Map<string, T>();
    for (const [key, full] of asked) {
      const decoded = this.#entries.decode(found.get(full), { ...context, key: full });
      if (decoded !== undefined) values.set(key, decoded.value);
    }
    return values;
  }

  /** The live entry with its tags, version and times, or undefined on a miss. Always asks the server. */
  async getEntry(key: string, options: CallOptions = {}): Promise<Entry<T> | undefined> {
    const full = this.key(key);
    const context = { operation: "getEntry", key: full };
    const row = await this.#entries.db.call<EntryRow>(
      context,
      `SELECT ${this.#entries.codec.entry} AS stored, e.tags, e.version::text AS version,
          ${ms("e.created_at")} AS created, ${ms("e.updated_at")} AS updated,
          CASE WHEN isfinite(e.expires_at) THEN ${ms("e.expires_at")} END AS expires
        FROM (VALUES (1)) AS one LEFT JOIN cache_entry($1) AS e ON true`,
      [full],
      options,
    );
    const decoded = this.#entries.decode(row?.stored, context);
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
    return this.#entries.ask({ operation: "has", key: full }, "SELECT cache_exists($1) AS result", [full], options);
  }

  /** The seconds until the deadline: `Infinity` without one, undefined on a miss. */
  async ttl(key: string, options: CallOptions = {}): Promise<number | undefined> {
    const full = this.key(key);
    const context = { operation: "ttl", key: full };
    const statement = "SELECT cache_ttl_seconds($1) AS result";
    const row = await this.#entries.db.call<{ result: number | null }>(context, statement, [full], options);
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
    const values = list.map(([, value]) => this.#entries.codec.encode(value));
    const ttls = list.map(([, , ttl]) => this.#entries.ttlText({ ttl: ttl ?? options.ttl }));
    const { suffix, type } = this.#entries.codec;
    return this.#entries.change(
      { operation: "setMany" },
      `SELECT cache_set_many${suffix}($1::text[], $2::${type}[], $3::text[], $4::text[])::float8 AS result`,
      [keys, values, ttls, this.#entries.tagsOf(options)],
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
    const { suffix, type } = this.#entries.codec;
    return this.#entries.changed(
      { operation: "compareAndSet", key: full },
      `SELECT cache_cas${suffix}($1, $2::${type}, $3::text::xid8, $4::text, $5::text[], $6::timestamptz) AS result`,
      [full, this.#entries.codec.encode(value), versionText(version), ...this.#entries.lifetime(options)],
      options,
    );
  }

  /** Deletes an entry. Returns whether it was live. A value that is being computed now is refused when it arrives. */
  async delete(key: string, options: VersionOptions = {}): Promise<boolean> {
    const full = this.key(key);
    const statement = "SELECT cache_delete($1, $2::text::xid8) AS result";
    const values = [full, versionText(options.version)];
    return this.#entries.changed({ operation: "delete", key: full }, statement, values, options);
  }

  /** Deletes entries in one statement. Returns how many were live. */
  async deleteMany(keys: Iterable<string>, options: CallOptions = {}): Promise<number> {
    const full = Array.from(keys, (key) => this.key(key));
    if (full.length === 0) return 0;
    const statement = "SELECT cache_delete_many($1::text[])::float8 AS result";
    return this.#entries.change({ operation: "deleteMany" }, statement, [full], options, full);
  }

  /** Gives a live entry a new deadline. Returns whether there was one. */
  async touch(
    key: string,
    ttl?: Ttl,
    options: VersionOptions & Pick<WriteOptions, "expiresAt"> = {},
  ): Promise<boolean> {
    const full = this.key(key);
    const { version, expiresAt } = options;
    return this.#entries.changed(
      { operation: "touch", key: full },
      "SELECT cache_touch($1, $2::text, $3::text::xid8, $4::timestamptz) AS result",
      [full, this.#entries.ttlText({ ttl, expiresAt }), versionText(version), dateText(expiresAt)],
      options,
    );
  }

  /** Reads and deletes an entry in one: of two callers, one gets the value. Undefined on a miss. */
  async take(key: string, options: CallOptions = {}): Promise<T | undefined> {
    return this.#readAndChange("take", key, "", [], options);
  }

  /** Reads an entry and gives it a new deadline in one, for entries that live while they are used. */
  async getAndTouch(key: string, ttl?: Ttl, options: CallOptions = {}): Promise<T | undefined> {
    return this.#readAndChange("get_and_touch", key, ", $2::text", [this.#entries.ttlText({ ttl })], options);
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
    const start = initial === null ? null : integerText(initial);
    const values = [full, integerText(delta), this.#entries.ttlText(options), start];
    const context = { operation: "increment", key: full };
    const row = await this.#entries.forgetting([full], () =>
      this.#entries.db.call<{ result: string | null }>(context, statement, values, options),
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
    const context = { operation: "count" };
    const row = await this.#entries.db.call<{ result: number }>(context, statement, values, { client });
    return row?.result ?? 0;
  }

  /** The keys of the live entries, as the other methods take them, in byte order. Asks for 1,000 at a time. */
  async *keys({ prefix = "", client }: PrefixOptions = {}): AsyncGenerator<string, void, undefined> {
    const statement = `SELECT array_agg(key) AS keys FROM cache_keys($1, $2, ${KEYS_PER_PAGE}, $3) AS key`;
    const context = { operation: "keys" };
    let after: string | null = null;
    do {
      const values: unknown[] = [this.name, after, `${this.name}:${prefix}`];
      type Page = { keys: string[] | null };
      const row: Page | undefined = await this.#entries.db.call<Page>(context, statement, values, { client });
      const page = row?.keys ?? [];
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
      const context = { operation: "clear" };
      const row = await this.#entries.db.call<{ result: number }>(context, statement, values, { client });
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
   * - If the cache fails, or another process takes longer than `wait`, the caller gets what `load` returns,
   *   which is not stored.
   * - Calls of this process that begin at the same time share one result, and the options and the `load` of the first.
   * - With a client, `load` should read through this client.
   */
  async getOrSet(key: string, load: () => Loaded<T> | Promise<Loaded<T>>, options: GetOrSetOptions = {}): Promise<T> {
    return this.#computed.get(this.key(key), load, options);
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
    const { suffix, read } = this.#entries.codec;
    const statement = `SELECT ${read(`cache_${verb}${suffix}($1${parameters})`)} AS stored`;
    const row = await this.#entries.forgetting([full], () =>
      this.#entries.db.call<{ stored: Stored }>(context, statement, [full, ...values], options),
    );
    return this.#entries.decode(row?.stored, context)?.value;
  }

  async #store(verb: "set" | "add" | "replace", key: string, value: T, options: WriteOptions): Promise<boolean> {
    const full = this.key(key);
    const { suffix, type } = this.#entries.codec;
    const call = `cache_${verb}${suffix}($1, $2::${type}, $3::text, $4::text[], $5::timestamptz)`;
    return this.#entries.changed(
      { operation: verb, key: full },
      // The deadline may be infinite. Drivers misread that.
      `SELECT ${verb === "set" ? `${call} IS NOT NULL` : call} AS result`,
      [full, this.#entries.codec.encode(value), ...this.#entries.lifetime(options)],
      options,
    );
  }
}

/** Milliseconds since 1970, for JavaScript's Date. */
function ms(timestamp: string): string {
  return `extract(epoch FROM ${timestamp})::float8 * 1000`;
}
