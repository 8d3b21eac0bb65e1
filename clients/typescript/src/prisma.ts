// Owns the extension for Prisma: which queries are cached, under which keys, and what invalidates them. Must never fail a
// query for an error of the cache, nor cache what a transaction reads.

import { createHash } from "node:crypto";
import { Prisma } from "@prisma/client/extension";
import type { Pool } from "pg";
import pg from "pg";
import { createCache, type Cache } from "./cache.js";
import { Database, warnOnceAMinute, type OnError } from "./database.js";
import { cacheKey } from "./key.js";
import { LockError } from "./lock.js";
import type { Namespace } from "./namespace.js";
import { ModelsRead, sources, type DataModel } from "./prisma-models.js";
import { argumentsText, FORMAT, pack, unpack } from "./prisma-values.js";

/** How a query is cached: `prisma.tenant.findMany({ cacheStrategy: { ttl: 60, tags: ["tenants"] } })`. */
export interface CacheStrategy {
  /**
   * For how many seconds a result is fresh. Default: as the namespace is configured, or else `cache_pg.default_ttl`; with
   * `swr`, 0.
   */
  ttl?: number | undefined;
  /**
   * For how many seconds after that the result is still returned, while one process computes the new one in the
   * background. Default: 0.
   */
  swr?: number | undefined;
  /** Names to invalidate the result by, beside those of the models that it was read from. */
  tags?: readonly string[] | undefined;
}

export interface WithCacheOptions {
  /** The pool for the calls of the cache. It may be the one that `PrismaPg` has. */
  pool: Pool;
  /** The schema of the extension cache_pg, if it is not in the search path. */
  schema?: string;
  /**
   * The namespace of the cache for the results. Default: `prisma`. Two clients of one database need two namespaces if
   * one query gives them different results: other rows, by row security, or a table in another schema.
   */
  namespace?: string;
  /** How many seconds to wait while another process computes the same result. Default: 2. */
  wait?: number;
  /** Tables that their models do not name, because they are in a schema beyond the search path: `{ Tenant: "crm.tenants" }`. */
  tables?: Readonly<Record<string, string>>;
  /** Is told about every error of the cache. The query itself goes on without it. Default: a warning, once a minute. */
  onError?: OnError;
}

/** A client of Prisma's, such as that of a transaction. */
interface RawClient {
  $queryRawUnsafe(statement: string, ...values: unknown[]): PromiseLike<unknown>;
}

const OPERATIONS = [
  "aggregate", "count", "findFirst", "findFirstOrThrow", "findMany", "findUnique", "findUniqueOrThrow", "groupBy",
] as const;
type Operation = (typeof OPERATIONS)[number];

interface Cached {
  cacheStrategy?: CacheStrategy | undefined;
}

/** The operations that read, with `cacheStrategy` among their arguments. */
type Operations = {
  [O in Exclude<Operation, "findUnique" | "findUniqueOrThrow" | "aggregate" | "groupBy">]: <T, A>(
    this: T,
    args?: Prisma.Exact<A, Prisma.Args<T, O> & Cached>,
  ) => Prisma.PrismaPromise<Prisma.Result<T, A, O>>;
} & {
  [O in "findUnique" | "findUniqueOrThrow" | "aggregate" | "groupBy"]: <T, A>(
    this: T,
    args: Prisma.Exact<A, Prisma.Args<T, O> & Cached>,
  ) => Prisma.PrismaPromise<Prisma.Result<T, A, O>>;
};

/** What a client of Prisma knows of its models. Not documented, as what follows. */
interface ClientInternals {
  _runtimeDataModel?: DataModel;
  _globalOmit?: unknown;
}

/** What Prisma tells an extension about a query, beside what it documents. */
interface Internals {
  transaction?: unknown;
  dataPath?: string[];
}

interface Query {
  model: string;
  operation: string;
  args: unknown;
  query: (args: never) => Promise<unknown>;
  __internalParams?: Internals;
}

/**
 * Caches the results of queries that have a `cacheStrategy`: `prisma.$extends(withCache({ pool }))`.
 *
 * A result is stored under its model, its operation and its arguments. It carries a tag for each model that it was read
 * from, `prisma:Tenant` for example. `prisma.$cache.watch()` makes every change of a row in the tables invalidate these
 * tags, at the commit of the change and by whatever program.
 *
 * - Apply it after extensions that change the arguments of queries.
 * - A query in a transaction, interactive or not, bypasses the cache: it can see changes that nobody else sees yet.
 * - If the cache fails, the query runs without it, and `onError` is told.
 * - Results of the first call and of later ones are equal, also in the types of their values.
 */
export function withCache(options: WithCacheOptions) {
  const onError = options.onError ?? warnOnceAMinute();
  return Prisma.defineExtension((client) => {
    const { _runtimeDataModel: data, _globalOmit: omitted } = client as unknown as ClientInternals;
    if (data === undefined) throw new Error("withCache does not know this version of Prisma: its clients have no data model");
    const results = new Results(options, onError, data, omitted);
    return client.$extends({
      name: "cache-pg",
      model: { $allModels: {} as Operations },
      client: { $cache: new PrismaCache(options, data) },
      query: {
        $allModels: {
          $allOperations: (query: unknown) => results.answer(query as Query),
        },
      },
    });
  });
}

/** What `prisma.$cache` has. Its methods reject if the cache fails: a change that nobody is told of leaves stale results. */
export class PrismaCache {
  readonly #database: Database;
  readonly #namespace: string;
  readonly #tables: Readonly<Record<string, string>>;
  readonly #data: DataModel;
  readonly #view: string;

  /** @internal */
  constructor({ pool, schema, namespace = "prisma", tables = {} }: WithCacheOptions, data: DataModel) {
    this.#database = new Database(pool, schema, true, () => {});
    this.#namespace = namespace;
    this.#tables = tables;
    this.#data = data;
    this.#view = schema === undefined ? "cache_watches" : `${pg.escapeIdentifier(schema)}.cache_watches`;
  }

  /**
   * Makes every result with one of the tags a miss, and every result that was read from one of the models.
   *
   * With the client of a transaction, this happens at its commit: `prisma.$cache.invalidate({ tags }, tx)`. Without, it
   * happens at once. After a change in a transaction that is too early: another process can read and cache the old
   * rows until the commit.
   */
  async invalidate({ tags = [], models = [] }: { tags?: readonly string[]; models?: readonly string[] }, tx?: RawClient): Promise<void> {
    const all = [...tags.map((tag) => cacheKey(tag)), ...models.map((model) => this.#tag(model))];
    if (all.length === 0) return;
    await this.#run("SELECT cache_invalidate_tags(VARIADIC $1::text[])", [all], tx);
  }

  /** Makes every result a miss. */
  async invalidateAll(tx?: RawClient): Promise<void> {
    await this.#run("SELECT cache_clear($1)", [this.#namespace], tx);
  }

  /**
   * From now on, a change of a row of the models' tables invalidates the results that were read from the models. Without
   * arguments: of all models. The links of relations of many to many count, too.
   *
   * Call it when the program starts, or in a migration. It needs the role that owns the tables. It keeps what a table
   * is watched for already, and changes nothing if that is enough. A model of a view cannot be watched.
   */
  async watch(...models: string[]): Promise<void> {
    for (const model of models.length > 0 ? models : Object.keys(this.#data.models)) {
      const tag = this.#tag(model).replace(/[{}]/g, "$&$&");
      for (const { table, optional } of sources(this.#data, model, pg.escapeIdentifier, this.#tables[model])) {
        const { rows } = await this.#database.pool.query<{ source: string | null; keys: string[] | null; tags: string[] | null }>(
          `SELECT source::text, keys, tags FROM to_regclass($1) AS source LEFT JOIN ${this.#view} USING (source)`,
          [table]);
        const { source, keys, tags } = rows[0]!;
        if (source === null ? optional : tags?.includes(tag)) continue;
        await this.#run("SELECT cache_watch($1::regclass, $2::text[], $3::text[])", [table, keys, [...(tags ?? []), tag]]);
      }
    }
  }

  #tag(model: string): string {
    if (!Object.hasOwn(this.#data.models, model)) throw new TypeError(`there is no model ${JSON.stringify(model)}`);
    return modelTag(this.#namespace, model);
  }

  async #run(statement: string, values: unknown[], tx?: RawClient): Promise<void> {
    const text = this.#database.qualify(statement);
    if (tx !== undefined) await tx.$queryRawUnsafe(text, ...values);
    else await this.#database.pool.query(text, values);
  }
}

/** 128 bits of SHA-256. */
const digest = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 32);

const modelTag = (namespace: string, model: string) => cacheKey(namespace, model);

/** The answers to queries, from the cache or from the database. */
class Results {
  readonly #cache: Cache;
  readonly #entries: Namespace<Uint8Array>;
  readonly #namespace: string;
  readonly #wait: number | undefined;
  readonly #onError: OnError;
  readonly #data: DataModel;
  /** Differs for clients that give one query results of different shapes: other releases of a program, for example. */
  readonly #shape: string;

  constructor({ pool, schema, namespace = "prisma", wait }: WithCacheOptions, onError: OnError, data: DataModel, omitted: unknown) {
    this.#cache = createCache({ pool, ...(schema !== undefined && { schema }), onError });
    this.#entries = this.#cache.bytes(namespace);
    this.#namespace = namespace;
    this.#wait = wait;
    this.#onError = onError;
    this.#data = data;
    this.#shape = digest(JSON.stringify([FORMAT, data, omitted]));
  }

  async answer({ model, operation, args, query, __internalParams: internals }: Query): Promise<unknown> {
    const reads = (OPERATIONS as readonly string[]).includes(operation);
    const { cacheStrategy, ...rest } = (args ?? {}) as Cached & Record<string, unknown>;
    // Prisma refuses a cacheStrategy of operations that do not read.
    if (cacheStrategy === undefined || !reads) return query((reads ? rest : args) as never);
    const run = () => query(rest as never);
    if (internals === undefined) {
      this.#onError(new Error("this version of Prisma does not tell about transactions"), { operation });
      return run();
    }
    if (internals.transaction !== undefined) return run();
    return this.#cached({ model, operation, args: rest, dataPath: internals.dataPath ?? [] }, cacheStrategy, run);
  }

  async #cached(
    { model, operation, args, dataPath }: { model: string; operation: string; args: unknown; dataPath: string[] },
    { ttl, swr = 0, tags = [] }: CacheStrategy,
    run: () => Promise<unknown>,
  ): Promise<unknown> {
    const lifetime = swr > 0 ? (ttl ?? 0) + swr : ttl;
    if (lifetime === 0) return run();
    /** The query's outcome, which counts whatever the cache does with it. */
    let ran: Promise<unknown> | undefined;
    const load = async () => Buffer.from(pack(await (ran = run())));
    let context = { operation, key: model };
    try {
      // The strategy is part of the key. So nobody gets a result that is older than its own strategy allows, or that
      // lacks one of its tags.
      const text = argumentsText([this.#shape, args, dataPath, ttl, swr, [...tags].sort()]);
      const key = `${model}:${operation}:${digest(text)}`;
      context = { operation, key: this.#entries.key(key) };
      const models = [...new ModelsRead(this.#data, model, args)].map((name) => modelTag(this.#namespace, name));
      const options = { ttl: lifetime, tags: [...models, ...tags.map((tag) => cacheKey(tag))] };
      const stored = await this.#entries.getOrSet(key, load, { ...options, wait: this.#wait });
      if (ran === undefined && swr > 0) this.#refresh(key, swr, options, load).catch((error: unknown) => this.#onError(error, context));
      return unpack(Buffer.from(stored).toString());
    } catch (error) {
      const result = await (ran ?? run());
      this.#onError(error, context);
      return result;
    }
  }

  /** Computes a result again that is past its ttl, unless another process does. */
  async #refresh(key: string, swr: number, options: { ttl: number | undefined; tags: string[] }, load: () => Promise<Buffer>) {
    const isStale = async () => ((await this.#entries.ttl(key)) ?? Infinity) < swr;
    if (!(await isStale())) return;
    try {
      await this.#cache.withLock(this.#entries.key(`${key}:refresh`), async () => {
        // The version is read before the rows. If they change meanwhile, the entry is invalidated, and is not set.
        const entry = await this.#entries.getEntry(key);
        if (entry === undefined || !(await isStale())) return;
        await this.#entries.compareAndSet(key, await load(), entry.version, options);
      });
    } catch (error) {
      if (!(error instanceof LockError)) throw error;
    }
  }
}
