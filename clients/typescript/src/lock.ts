// Owns locks that expire: taken, renewed and released under an owner's name. Must never let work go on unwarned after
// its lock was lost.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { CacheError, type CallOptions, type Database } from "./database.js";
import { cacheKey } from "./key.js";
import { ttlText, type Ttl } from "./values.js";

export interface LockOptions extends CallOptions {
  /** Who holds the lock. The same owner can take it again, which renews it. */
  owner: string;
  /** After this time the lock is free, if it is not renewed. Default: that of the namespace. */
  ttl?: Ttl | undefined;
}

export interface WithLockOptions {
  /** After so many seconds without a renewal the lock is free. It is renewed after each third of it. Default: 30. */
  ttl?: number | undefined;
  /** How many seconds to wait for the lock. Default: 0. */
  wait?: number | undefined;
  /** Default: a name that nobody else has. */
  owner?: string | undefined;
}

/** Says that another owner holds the lock, or that the cache has failed. */
export class LockError extends CacheError {
  override name = "LockError";
}

const FIRST_PAUSE_MS = 10;
const LAST_PAUSE_MS = 500;

export class Locks {
  constructor(readonly db: Database) {}

  async lock(key: string, options: LockOptions): Promise<boolean> {
    return (await this.#take("lock", key, options)) === true;
  }

  async unlock(key: string, { owner, client }: Pick<LockOptions, "owner" | "client">): Promise<boolean> {
    const full = cacheKey(key);
    const statement = "SELECT cache_unlock($1, $2) AS result";
    const row = await this.db.call({ operation: "unlock", key: full }, statement, [full, owner], { client });
    return row?.result === true;
  }

  async lockOwner(key: string, options: CallOptions): Promise<string | undefined> {
    const context = { operation: "lockOwner", key: cacheKey(key) };
    const statement = "SELECT cache_lock_owner($1) AS result";
    const row = await this.db.call<{ result: string | null }>(context, statement, [context.key], options);
    return row?.result ?? undefined;
  }

  async withLock<R>(key: string, work: (lost: AbortSignal) => R | Promise<R>, options: WithLockOptions): Promise<R> {
    const { ttl = 30, wait = 0, owner = randomUUID() } = options;
    const taken = await this.#acquire(key, { owner, ttl }, wait);
    const done = new AbortController();
    const lost = new AbortController();
    const renewal = this.#renew(key, { owner, ttl }, taken, done.signal, lost);
    try {
      return await work(lost.signal);
    } finally {
      done.abort();
      // A renewal that arrives after the release would take the lock again.
      await renewal;
      // The result of the work counts, whether or not the release succeeds: the lock expires in any case.
      await this.unlock(key, { owner }).catch((error: unknown) => this.#report(error, "withLock", key));
    }
  }

  /** Undefined if the cache has failed. */
  async #take(operation: string, key: string, { owner, ttl, client }: LockOptions): Promise<boolean | undefined> {
    const context = { operation, key: cacheKey(key) };
    const statement = "SELECT cache_lock($1, $2, $3::text) AS result";
    const row = await this.db.call<{ result: boolean | null }>(context, statement, [context.key, owner, ttlText(ttl)], { client });
    return row?.result ?? undefined;
  }

  /** Returns the time before which the lock was not yet taken. */
  async #acquire(key: string, options: LockOptions, wait: number): Promise<number> {
    const deadline = performance.now() + wait * 1000;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LAST_PAUSE_MS)) {
      const asked = performance.now();
      if (await this.#take("withLock", key, options)) return asked;
      const left = deadline - performance.now();
      if (left <= 0) throw new LockError(`the lock "${key}" is not free`);
      // Callers that began to wait together do not all ask together.
      await sleep(Math.min(left, pause * (0.5 + Math.random() / 2)));
    }
  }

  /** Renews the lock until `done`. Aborts `lost` if another owner has it, or if it was not renewed for too long. */
  async #renew(
    key: string,
    options: LockOptions & { ttl: number },
    taken: number,
    done: AbortSignal,
    lost: AbortController,
  ): Promise<void> {
    const ttl = options.ttl * 1000;
    const lose = () => lost.abort(new LockError(`the lock "${key}" was lost`));
    // The work has the last third of the time to stop.
    const arm = (asked: number) => setTimeout(lose, asked + (ttl * 2) / 3 - performance.now());
    let timer = arm(taken);
    try {
      while (await sleep(ttl / 3, true, { signal: done }).catch(() => false)) {
        const asked = performance.now();
        const renewed = await this.#take("withLock", key, options).catch((error: unknown) => {
          this.#report(error, "withLock", key);
          return undefined;
        });
        if (lost.signal.aborted) return;
        if (renewed === false) return lose();
        if (renewed === undefined) continue;
        clearTimeout(timer);
        timer = arm(asked);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #report(error: unknown, operation: string, key: string): void {
    this.db.onError(error, { operation, key: cacheKey(key) });
  }
}
