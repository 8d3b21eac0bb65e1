// Owns what the verbs of a namespace have in common: how its entries are read, changed and decoded. Must never let the
// near cache keep what a change of this process made old.

import type { CallOptions, Database, ErrorContext } from "./database.js";
import { cacheKey } from "./key.js";
import type { NearCache, NearCaches, NearFields } from "./near.js";
import type { NamespaceOptions, WriteOptions } from "./options.js";
import { dateText, ttlText, type Codec, type Ttl } from "./values.js";

export type Stored = string | Buffer;
export type KeyContext = ErrorContext & { key: string };

interface EntryOfMany extends NearFields {
  key: string;
}

/** Milliseconds until the deadline, or a day where that is shorter: an infinite deadline has no number. */
const REMAINING = "extract(epoch FROM least(e.expires_at, now() + interval '1 day') - clock_timestamp())::float8 * 1000";
/** The columns of `cache_entry(...) AS e` that make `NearFields`. */
export const NEAR_COLUMNS = `e.tags, ${REMAINING} AS remaining`;

/** The entries of a namespace. */
export class Entries<T> {
  readonly #nearCaches: NearCaches;
  readonly #near: NearCache | undefined;
  readonly #ttl: Ttl | undefined;
  readonly #tags: readonly string[];

  constructor(
    readonly namespace: string,
    readonly db: Database,
    nearCaches: NearCaches,
    readonly codec: Codec<T>,
    { ttl, tags = [], nearCache = false }: NamespaceOptions,
  ) {
    if (namespace.includes(":") || namespace === "" || cacheKey(namespace) !== namespace) {
      throw new TypeError(`${JSON.stringify(namespace)} cannot be the name of a namespace`);
    }
    this.#nearCaches = nearCaches;
    this.#ttl = ttl;
    this.#tags = tags;
    if (nearCache !== false) this.#near = nearCaches.open(namespace, nearCache === true ? {} : nearCache);
  }

  /** The near cache, if messages arrive. A transaction asks the server, because it sees its own changes. */
  nearFor({ client }: CallOptions): NearCache | undefined {
    return client === undefined && this.#near?.listening ? this.#near : undefined;
  }

  /** The keys that have an entry, with what is stored. Keeps them in the near cache, if there is one. */
  async readMany(near: NearCache | undefined, context: ErrorContext, keys: string[], options: CallOptions) {
    const stored = new Map<string, Stored>();
    if (near === undefined) {
      const { suffix, read } = this.codec;
      const row = await this.db.call<{ keys: string[] | null; stored: Stored[] | null }>(
        context,
        `SELECT array_agg(key) AS keys, array_agg(${read("value")}) AS stored FROM cache_get_many${suffix}($1::text[])`,
        [keys],
        options,
      );
      row?.keys?.forEach((key, index) => stored.set(key, row.stored![index]!));
      return stored;
    }
    return near.reading(keys, async (found) => {
      const row = await this.db.call<{ entries: EntryOfMany[] | null; stored: Stored[] | null }>(
        context,
        `SELECT json_agg(json_build_object('key', asked.key, 'tags', e.tags, 'remaining', ${REMAINING})) AS entries,
            array_agg(${this.codec.entry}) AS stored
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

  /** The yes or no of a statement. */
  async ask(context: ErrorContext, statement: string, values: unknown[], options: CallOptions): Promise<boolean> {
    return (await this.db.call<{ result: boolean | null }>(context, statement, values, options))?.result === true;
  }

  /** A statement that changes one entry, and returns whether it did. */
  async changed(context: KeyContext, statement: string, values: unknown[], options: CallOptions): Promise<boolean> {
    return this.forgetting([context.key], () => this.ask(context, statement, values, options));
  }

  /** A statement that changes entries, and returns how many. */
  async change(context: ErrorContext, statement: string, values: unknown[], options: CallOptions, keys: string[]) {
    const row = await this.forgetting(keys, () =>
      this.db.call<{ result: number | null }>(context, statement, values, options),
    );
    return row?.result ?? 0;
  }

  /** After a change, this process's next read asks the server, even if it comes before the message. */
  async forgetting<R>(keys: readonly string[], change: () => Promise<R>): Promise<R> {
    const forget = () => keys.forEach((key) => this.#nearCaches.forget({ key }));
    forget();
    try {
      return await change();
    } finally {
      forget();
    }
  }

  /** The value, or undefined on a miss. A value of another shape is reported, and is a miss. */
  decode(stored: Stored | null | undefined, context: ErrorContext): { value: T } | undefined {
    if (stored === undefined || stored === null) return undefined;
    try {
      return { value: this.codec.decode(stored) };
    } catch (error) {
      this.db.onError(error, context);
      return undefined;
    }
  }

  /** The ttl of a call, or else of the namespace. */
  ttlText({ ttl, expiresAt }: Pick<WriteOptions, "ttl" | "expiresAt">): string | null {
    return ttlText(ttl ?? (expiresAt === undefined ? this.#ttl : undefined));
  }

  /** The tags of a call and of the namespace. */
  tagsOf({ tags = [] }: WriteOptions): string[] | null {
    const all = [...this.#tags, ...tags];
    return all.length === 0 ? null : all.map((tag) => cacheKey(tag));
  }

  /** The last parameters of the functions that store a value. */
  lifetime(options: WriteOptions): [ttl: string | null, tags: string[] | null, expiresAt: string | null] {
    return [this.ttlText(options), this.tagsOf(options), dateText(options.expiresAt)];
  }
}
