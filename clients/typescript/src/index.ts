export { createCache, type Cache, type CacheOptions } from "./cache.js";
export { CacheError, type CallOptions, type ErrorContext, type OnError } from "./database.js";
export { cacheKey } from "./key.js";
export { LockError, type LockOptions, type WithLockOptions } from "./lock.js";
export type { Namespace } from "./namespace.js";
export type { NearCacheOptions } from "./near.js";
export type {
  Entry,
  GetOrSetOptions,
  IncrementOptions,
  JsonNamespaceOptions,
  Loaded,
  NamespaceOptions,
  PrefixOptions,
  VersionOptions,
  WriteOptions,
} from "./options.js";
export type { Schema, Ttl } from "./values.js";
