// Owns `getOrSet`: who computes a value, and what becomes of it. Must never run a loader twice for a call, nor hide its
// error, nor store what was computed before a change.

import type { CallOptions } from "./database.js";
import { NEAR_COLUMNS, type Entries, type KeyContext, type Stored } from "./entries.js";
import { Flights } from "./flights.js";
import type { NearFields } from "./near.js";
import type { GetOrSetOptions, Loaded, WriteOptions } from "./options.js";
import { patiently, type Answer } from "./patience.js";

const DEFAULT_WAIT_SECONDS = 2;

type Load<T> = () => Loaded<T> | Promise<Loaded<T>>;

interface Fetched extends Answer, Record<string, unknown> {
  stored: Stored | null;
}

interface NearRow extends NearFields, Record<string, unknown> {
  entry: Stored | null;
}

/** The values of a namespace that are computed on a miss. */
export class Computed<T> {
  readonly #entries: Entries<T>;
  readonly #flights = new Flights();

  constructor(entries: Entries<T>) {
    this.#entries = entries;
  }

  async get(key: string, load: Load<T>, options: GetOrSetOptions): Promise<T> {
    const wait = options.wait ?? DEFAULT_WAIT_SECONDS;
    if (Number.isNaN(wait)) throw new TypeError("a wait cannot be NaN");
    if (options.client !== undefined) return this.#compute(key, load, options, wait, () => {});
    const kept = this.#entries.decode(this.#entries.nearFor(options)?.get(key), { operation: "getOrSet", key });
    if (kept !== undefined) return kept.value;
    return this.#flights.share(key, wait, (left, land) => this.#compute(key, load, options, left, land));
  }

  async #compute(key: string, load: Load<T>, options: GetOrSetOptions, wait: number, land: () => void): Promise<T> {
    const context = { operation: "getOrSet", key };
    let fetched = await this.#fetch(context, key, wait, options);
    let hit = this.#entries.decode(fetched?.stored, context);
    if (fetched?.found && hit === undefined && fetched.token === null) {
      // The value has another shape. There is a token for its key only after it has gone.
      await this.#entries.changed(context, "SELECT cache_delete($1) AS result", [key], options);
      fetched = await this.#fetch(context, key, 0, options);
      hit = this.#entries.decode(fetched?.stored, context);
    }
    const token = fetched?.token ?? null;
    if (hit === undefined) return this.#load(context, load, token, undefined, options);
    if (token === null) return hit.value;
    land();
    const refreshed = this.#load(context, load, token, hit, options);
    if (!options.background || options.client !== undefined) return refreshed;
    refreshed.catch((error: unknown) => this.#entries.db.onError(error, context));
    return hit.value;
  }

  #fetch(context: KeyContext, key: string, wait: number, options: CallOptions): Promise<Fetched | undefined> {
    const pool = options.client === undefined ? this.#entries.db.pool : undefined;
    return patiently(wait, pool, (seconds) => this.#fetchOnce(context, key, seconds, options));
  }

  async #fetchOnce(context: KeyContext, key: string, wait: number, options: CallOptions): Promise<Fetched | undefined> {
    const { suffix, read, entry } = this.#entries.codec;
    const source = `cache_fetch${suffix}($1, $2::float8 * interval '1 second') AS f`;
    const waited = "extract(epoch FROM clock_timestamp() - statement_timestamp())::float8";
    const columns = `f.found, ${read("f.value")} AS stored, f.token, ${waited} AS waited`;
    const near = this.#entries.nearFor(options);
    if (near === undefined) {
      return this.#entries.db.call<Fetched>(context, `SELECT ${columns} FROM ${source}`, [key, wait], options);
    }
    return near.reading([key], async (found) => {
      const row = await this.#entries.db.call<Fetched & NearRow>(
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
    load: Load<T>,
    token: string | null,
    hit: { value: T } | undefined,
    options: WriteOptions,
  ): Promise<T> {
    const { codec, db } = this.#entries;
    let loaded: Loaded<T>;
    try {
      loaded = await load();
    } catch (error) {
      await this.#release(context, token, options);
      if (hit === undefined) throw error;
      db.onError(error, { ...context, stale: true });
      return hit.value;
    }
    const value = (loaded ?? null) as T;
    let encoded: string | Buffer;
    let decoded: T;
    try {
      encoded = codec.encode(value);
      decoded = codec.decode(encoded);
    } catch (error) {
      await this.#release(context, token, options);
      db.failed(error, context);
      return value;
    }
    if (token !== null) {
      await this.#entries.changed(
        context,
        `SELECT cache_fill${codec.suffix}($1, $2::${codec.type}, $3, $4::text, $5::text[], $6::timestamptz) AS result`,
        [context.key, encoded, token, ...this.#entries.lifetime(options)],
        options,
      );
    }
    return decoded;
  }

  /** Gives the token back. An error is reported and never thrown, because the error of the loader counts. */
  async #release(context: KeyContext, token: string | null, options: CallOptions): Promise<void> {
    if (token === null) return;
    try {
      await this.#entries.db.call(context, "SELECT cache_release($1, $2) AS result", [context.key, token], options);
    } catch (error) {
      this.#entries.db.onError(error, context);
    }
  }
}
