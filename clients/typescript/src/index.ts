export { createCache, type Cache, type CacheOptions } from "./cache.js";
export { CacheError, type CallOptions, type ErrorContext, type OnError } from "./database.js";
export { cacheKey } from "./key.js";
export { LockError, type LockOptions, type WithLockOptions } from "./lock.js";
export type {
  Entry,
  GetOrSetOptions,
  IncrementOptions,
  JsonNamespaceOptions,
  Loaded,
  Namespace,
  NamespaceOptions,
  PrefixOptions,
  VersionOptions,
  WriteOptions,
} from "./namespace.js";
export type { NearCacheOptions } from "./near.js";
export type { Schema, Ttl } from "./values.js";
