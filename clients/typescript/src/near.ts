// Owns the entries that this process keeps in its memory, and the connection that says which of them to forget. Must
// never return an entry while the connection is down, nor keep one that a message or a call of this process named.

import { randomInt, randomUUID } from "node:crypto";
import pg from "pg";
import { CacheError, type Database } from "./database.js";
import { cacheKey } from "./key.js";

const CHANNEL = "cache_pg";
/** A dead connection is noticed after the pause between two probes and the time for an answer. */
const PROBE_EVERY_MS = 10_000;
const ANSWER_TIMEOUT_MS = 5_000;
const END_TIMEOUT_MS = 1_000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 30_000;
/** Memory that an entry takes beside its key and its value, roughly. */
const OVERHEAD_BYTES = 200;

export interface NearCacheOptions {
  /** How much memory the entries of the namespace may take, roughly. The least recently read go first. Default: 16 MiB. */
  maxBytes?: number;
  /** How many seconds an entry is kept at most. It is never kept past its deadline. Default: 60. */
  ttl?: number;
}

/** What changed. One of the three forms of docs/near-caches.md. */
export interface Change {
  key?: string;
  namespace?: string;
  tag?: string;
}

/** What the server says of an entry, for near caches. */
export interface NearFields {
  tags: readonly string[] | null;
  /** Milliseconds until the deadline. */
  remaining: number;
}

interface Kept {
  stored: string | Buffer;
  tags: readonly string[];
  bytes: number;
  expires: number;
}

/** A read that is under way. A message that comes meanwhile may be about what it reads. */
interface Reading {
  readonly keys: Set<string>;
  /** The tags that were invalidated meanwhile. */
  readonly tags: Set<string>;
}

/** The entries of one namespace. */
export class NearCache {
  readonly #entries = new Map<string, Kept>();
  readonly #readings = new Set<Reading>();
  readonly #maxBytes: number;
  readonly #ttl: number;
  #bytes = 0;
  #listening: boolean | undefined;

  constructor(
    readonly namespace: string,
    { maxBytes = 16 * 1024 * 1024, ttl = 60 }: NearCacheOptions,
  ) {
    this.#maxBytes = maxBytes;
    this.#ttl = ttl * 1000;
  }

  /** Whether messages arrive. Undefined: there is no connection, or no probe has answered yet. */
  get listening(): boolean | undefined {
    return this.#listening;
  }

  /** Says whether messages arrive from now on. What was read before is forgotten: a message about it may be lost. */
  hears(listening: boolean | undefined): void {
    this.#listening = listening;
    this.forgetAll();
  }

  get(key: string): string | Buffer | undefined {
    const kept = this.#entries.get(key);
    if (kept === undefined) return undefined;
    this.#drop(key, kept);
    if (kept.expires <= performance.now()) return undefined;
    this.#keep(key, kept);
    return kept.stored;
  }

  /**
   * Reads keys from the server. `read` calls `found` for each entry, which is kept, unless a message or a call of this
   * process may have changed it meanwhile.
   */
  async reading<R>(
    keys: readonly string[],
    read: (found: (key: string, stored: string | Buffer | null, fields: NearFields) => void) => Promise<R>,
  ): Promise<R> {
    const reading = { keys: new Set(this.#listening ? keys : []), tags: new Set<string>() };
    this.#readings.add(reading);
    try {
      return await read((key, stored, { tags, remaining }) => {
        const outdated = !reading.keys.has(key) || tags?.some((tag) => reading.tags.has(tag));
        if (stored !== null && !outdated) this.#put(key, stored, tags ?? [], remaining);
      });
    } finally {
      this.#readings.delete(reading);
    }
  }

  forget({ key, namespace, tag }: Change): void {
    if (key !== undefined) {
      const kept = this.#entries.get(key);
      if (kept !== undefined) this.#drop(key, kept);
      for (const reading of this.#readings) reading.keys.delete(key);
    }
    if (namespace === this.namespace) this.forgetAll();
    if (tag !== undefined) {
      for (const [name, kept] of this.#entries) if (kept.tags.includes(tag)) this.#drop(name, kept);
      for (const reading of this.#readings) reading.tags.add(tag);
    }
  }

  forgetAll(): void {
    this.#entries.clear();
    this.#bytes = 0;
    for (const reading of this.#readings) reading.keys.clear();
  }

  #put(key: string, stored: string | Buffer, tags: readonly string[], remaining: number): void {
    const texts = [key, stored, ...tags].reduce((bytes, text) => bytes + text.length * 2, 0);
    const bytes = OVERHEAD_BYTES + texts;
    if (bytes > this.#maxBytes) return;
    const former = this.#entries.get(key);
    if (former !== undefined) this.#drop(key, former);
    this.#keep(key, { stored, tags, bytes, expires: performance.now() + Math.min(remaining, this.#ttl) });
    for (const [oldest, kept] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#drop(oldest, kept);
    }
  }

  #keep(key: string, kept: Kept): void {
    this.#entries.set(key, kept);
    this.#bytes += kept.bytes;
  }

  #drop(key: string, kept: Kept): void {
    this.#entries.delete(key);
    this.#bytes -= kept.bytes;
  }
}

/** The near caches of a cache, and their one connection. */
export class NearCaches {
  readonly #caches = new Set<NearCache>();
  /** The keys of the last probe whose messages have not come. */
  #awaited = new Set<string>();
  readonly #id = randomUUID();
  readonly #closed = new AbortController();
  #running: Promise<void> | undefined;
  #wake = () => {};

  constructor(
    readonly db: Database,
    readonly connection: pg.ClientConfig,
  ) {}

  open(namespace: string, options: NearCacheOptions): NearCache {
    const cache = new NearCache(namespace, options);
    this.#caches.add(cache);
    this.#running ??= this.#run();
    this.#wake();
    return cache;
  }

  forget(change: Change): void {
    for (const cache of this.#caches) cache.forget(change);
  }

  forgetAll(): void {
    for (const cache of this.#caches) cache.forgetAll();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#wake();
    await this.#running;
  }

  /** Listens until the cache is closed. After a lost connection, it tries again: later each time, and not all at once. */
  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#closed.signal.aborted) {
      const client = new pg.Client(this.connection);
      try {
        await this.#listen(client, () => (failures = 0));
      } catch (error) {
        this.#report(error);
      } finally {
        for (const cache of this.#caches) cache.hears(undefined);
        await within(END_TIMEOUT_MS, client.end()).catch(() => client.connection.stream.destroy());
      }
      const longest = Math.min(FIRST_RETRY_MS * 2 ** failures++, LAST_RETRY_MS);
      await this.#pause(randomInt(longest / 2, longest));
    }
  }

  /** Returns when the cache is closed. Throws when the connection is lost. */
  async #listen(client: pg.Client, connected: () => void): Promise<void> {
    const lost = new Promise<never>((_, reject) => {
      client.on("error", reject);
      client.on("end", () => reject(new CacheError("the connection of the near caches has ended")));
    });
    // It also rejects when the connection ends as it should, and nothing waits for it any more.
    lost.catch(() => undefined);
    client.on("notification", ({ payload }) => this.#hear(payload));

    await within(ANSWER_TIMEOUT_MS, client.connect());
    await within(ANSWER_TIMEOUT_MS, client.query(`LISTEN ${CHANNEL}`));
    while (!this.#closed.signal.aborted) {
      await within(ANSWER_TIMEOUT_MS, this.#probe(client));
      connected();
      const unknown = [...this.#caches].some((cache) => cache.listening === undefined);
      if (!unknown) await Promise.race([this.#pause(PROBE_EVERY_MS), lost]);
    }
  }

  /**
   * Asks whether messages arrive: deletes a key of each namespace that no entry has. The message comes before the
   * answer. No message comes through a pooler in transaction mode, or for a namespace without the option `notify`.
   */
  async #probe(client: pg.Client): Promise<void> {
    const caches = [...this.#caches];
    const probe = (cache: NearCache) => cacheKey(cache.namespace, "near-cache-probe", this.#id);
    this.#awaited = new Set(caches.map(probe));
    await client.query(this.db.qualify("SELECT cache_delete_many($1::text[])"), [[...this.#awaited]]);
    for (const cache of caches) {
      const heard = !this.#awaited.has(probe(cache));
      if (heard === cache.listening) continue;
      cache.hears(heard);
      if (!heard) this.#report(noMessages(cache.namespace));
    }
  }

  #hear(payload: string | undefined): void {
    const change = parseChange(payload);
    if (change.key !== undefined) this.#awaited.delete(change.key);
    this.forget(change);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#closed.signal.aborted ? 0 : ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #report(error: unknown): void {
    if (!this.#closed.signal.aborted) this.db.onError(error, { operation: "nearCache" });
  }
}

function noMessages(namespace: string): CacheError {
  return new CacheError(`no message arrives for the namespace "${namespace}", so its near cache is off`, {
    hint: `Call cache_configure('${namespace}', notify => true), and connect directly or through a pooler in session mode.`,
  });
}

/** Every role can send messages. One of another form changes nothing. */
function parseChange(payload: string | undefined): Change {
  try {
    const message: unknown = JSON.parse(payload ?? "");
    if (typeof message !== "object" || message === null) return {};
    return Object.fromEntries(Object.entries(message).filter(([, name]) => typeof name === "string"));
  } catch {
    return {};
  }
}

async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new CacheError(`the connection of the near caches has not answered in ${ms} ms`)), ms);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
