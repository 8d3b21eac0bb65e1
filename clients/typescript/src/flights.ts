// Owns the sharing of one computation by the concurrent calls of this process. Must never give a call what was read
// before the call began: it could be older than a change that the caller knows of.

import { setTimeout as sleep } from "node:timers/promises";

/** What Node's timers can hold. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1;

/** Computes the value. `wait` seconds of the caller's patience are left. `land` lets later calls start at once. */
export type Fly<T> = (wait: number, land: () => void) => Promise<T>;

/** Calls share a flight until it departs. Later calls share the next one, which departs when this one has landed. */
export class Flights {
  readonly #boarding = new Map<string, Promise<unknown>>();
  readonly #airborne = new Map<string, Promise<void>>();

  share<T>(key: string, wait: number, fly: Fly<T>): Promise<T> {
    const boarding = this.#boarding.get(key) as Promise<T> | undefined;
    if (boarding !== undefined) return boarding;
    const flight = this.#depart(key, wait, fly);
    this.#boarding.set(key, flight);
    return flight;
  }

  async #depart<T>(key: string, wait: number, fly: Fly<T>): Promise<T> {
    const deadline = performance.now() + wait * 1000;
    await this.#landing(this.#airborne.get(key), wait);
    this.#boarding.delete(key);
    const { promise: landed, resolve: land } = withResolvers();
    this.#airborne.set(key, landed);
    try {
      return await fly(Math.max(0, deadline - performance.now()) / 1000, land);
    } finally {
      land();
      if (this.#airborne.get(key) === landed) this.#airborne.delete(key);
    }
  }

  /** Waits for the flight before, but not longer than the callers would wait for another process. */
  async #landing(before: Promise<void> | undefined, wait: number): Promise<void> {
    if (before === undefined) return;
    const impatience = new AbortController();
    await Promise.race([before, sleep(Math.min(wait * 1000, LONGEST_SLEEP_MS), undefined, { signal: impatience.signal, ref: false }).catch(() => {})]);
    impatience.abort();
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}
