// Owns the options and results of the verbs, as the user sees them.

import type { CallOptions } from "./database.js";
import type { NearCacheOptions } from "./near.js";
import type { Schema, Ttl } from "./values.js";

export interface NamespaceOptions {
  /** The ttl of calls that have none. Default: that of `cache_configure`, or else `cache_pg.default_ttl`. */
  ttl?: Ttl;
  /** Tags that every entry of this namespace carries, beside those of the call. */
  tags?: readonly string[];
  /**
   * Keeps entries that are read often in the memory of this process. PostgreSQL tells it which to forget. The namespace
   * needs `cache_configure(..., notify => true)`. A change in a transaction, or of another process, is seen a moment after its
   * commit.
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
