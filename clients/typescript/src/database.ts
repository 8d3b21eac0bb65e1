// Owns the way of a statement to the server and back, on the pool or on the client of a caller's transaction, and the
// report of its errors. Must never fail a caller for an error of the cache, unless the option `errors` says so.

import type { ClientBase, Pool } from "pg";
import pg from "pg";

/** Where an error of the cache happened. */
export interface ErrorContext {
  /** The method that was called, for example `getOrSet`. */
  operation: string;
  /** The whole key, with its namespace. */
  key?: string;
  /** True if the loader of `getOrSet` failed, and the caller got a value past its deadline instead. */
  stale?: true;
}

/** Is told about every error that does not reach the caller. If it throws, the call rejects with what it throws. */
export type OnError = (error: unknown, context: ErrorContext) => void;

/** Options of every call. */
export interface CallOptions {
  /**
   * A client of node-postgres. The call runs in its transaction, so it takes effect at the commit, or not at all.
   *
   * An error of the cache does not fail the transaction: the call runs with `cache_pg.errors = 'warn'`, and the setting
   * has its former value afterwards. An error that the server cannot keep from failing the transaction is thrown: a
   * cancel, a timeout, a lost connection, or a missing extension.
   */
  client?: ClientBase | undefined;
}

/** An error of the cache that the server reported as a warning, or one that this client found. */
export class CacheError extends Error {
  override name = "CacheError";
  /** The SQLSTATE, if the server reported the error. */
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;

  constructor(message: string, fields: { code?: string; detail?: string; hint?: string; cause?: unknown } = {}) {
    super(message, "cause" in fields ? { cause: fields.cause } : undefined);
    this.code = fields.code;
    this.detail = fields.detail;
    this.hint = fields.hint;
  }
}

type Row = Record<string, unknown>;
interface Notice {
  severity?: string | undefined;
  message?: string | undefined;
  code?: string | undefined;
  detail?: string | undefined;
  hint?: string | undefined;
}

export class Database {
  /** The last call on each client. node-postgres sends one statement after the other; so warnings belong to one call. */
  readonly #last = new WeakMap<ClientBase, Promise<unknown>>();
  readonly #functions: string;

  constructor(
    readonly pool: Pool,
    schema: string | undefined,
    readonly throws: boolean,
    readonly onError: OnError,
  ) {
    this.#functions = schema === undefined ? "cache_" : `${pg.escapeIdentifier(schema)}.cache_`;
  }

  /**
   * Runs a statement that returns exactly one row and ends where a WHERE may follow.
   *
   * Returns the row, or undefined if the cache has failed and the error was reported.
   */
  async call<R extends Row>(
    context: ErrorContext,
    statement: string,
    values: readonly unknown[],
    { client }: CallOptions = {},
  ): Promise<R | undefined> {
    refuseNul(values);
    const text = this.qualify(statement);
    if (client !== undefined) return this.#callIn<R>(client, context, text, values);
    try {
      return (await this.pool.query<R>(text, [...values])).rows[0];
    } catch (error) {
      this.failed(error, context);
      return undefined;
    }
  }

  /** Names the schema of the extension in front of its functions. */
  qualify(statement: string): string {
    return statement.replace(/\bcache_(?=\w+\()/g, () => this.#functions);
  }

  /** Throws the error, or reports it: as the option `errors` says. */
  failed(error: unknown, context: ErrorContext): void {
    if (this.throws) throw error;
    this.onError(error, context);
  }

  async #callIn<R extends Row>(client: ClientBase, context: ErrorContext, text: string, values: readonly unknown[]) {
    const before = this.#last.get(client);
    const call = (async () => {
      await before?.catch(() => undefined);
      return this.throws
        ? (await client.query<R>(text, [...values])).rows[0]
        : await this.#callQuietly<R>(client, context, text, values);
    })();
    this.#last.set(client, call);
    return call;
  }

  async #callQuietly<R extends Row>(client: ClientBase, context: ErrorContext, text: string, values: readonly unknown[]) {
    const warnings: CacheError[] = [];
    const listen = ({ severity, message, code, detail, hint }: Notice) => {
      if (severity !== "WARNING") return;
      warnings.push(new CacheError(message ?? "", {
        ...(code !== undefined && { code }), ...(detail !== undefined && { detail }), ...(hint !== undefined && { hint }),
      }));
    };
    client.on("notice", listen);
    try {
      return (await client.query<R>(quiet(text), [...values])).rows[0];
    } finally {
      client.removeListener("notice", listen);
      for (const warning of warnings) this.onError(warning, context);
    }
  }
}

/**
 * The statement, with `cache_pg.errors = 'warn'` while it runs, and with the former value after it.
 *
 * Each part reads a column of the one before it, so PostgreSQL cannot run them in another order. If the statement
 * fails, the rollback of the transaction or of its savepoint restores the setting.
 */
function quiet(statement: string): string {
  return `
    WITH quiet AS MATERIALIZED (
      SELECT current_setting('cache_pg.errors', true) AS former, set_config('cache_pg.errors', 'warn', true) AS errors
    ), called AS MATERIALIZED (
      SELECT call.*, quiet.former FROM quiet CROSS JOIN LATERAL (${statement} WHERE quiet.errors = 'warn') AS call
    )
    SELECT called.*, set_config('cache_pg.errors', called.former, true) FROM called`;
}

/** PostgreSQL's texts cannot contain U+0000. The server would refuse it before it calls a function of the cache. */
function refuseNul(values: readonly unknown[]): void {
  for (const value of values) {
    if (typeof value === "string" && value.includes("\0")) throw new TypeError("PostgreSQL cannot store U+0000 in a text");
    if (Array.isArray(value)) refuseNul(value);
  }
}

/** The default of `onError`: a warning on the console, at most once a minute. */
export function warnOnceAMinute(): OnError {
  let silentUntil = 0;
  let withheld = 0;
  return (error, { operation, key, stale }) => {
    const now = performance.now();
    if (now < silentUntil) {
      withheld++;
      return;
    }
    silentUntil = now + 60_000;
    const message = error instanceof Error ? error.message : String(error);
    const where = key === undefined ? operation : `${operation} of ${JSON.stringify(key)}`;
    const what = stale ? "the loader failed, a stale value is used" : "the cache failed";
    console.warn(`cache-pg: ${where}: ${what}: ${message}${withheld > 0 ? ` (and ${withheld} errors before it)` : ""}`);
    withheld = 0;
  };
}
