// Owns the wait for a value that another caller computes. Must never keep connections of the pool from the loaders, who
// need them to compute the values that are waited for.

import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";

/** How long a call waits on a connection before it gives the connection back. */
const SLICE_SECONDS = 0.1;
/** The same if as many calls wait as may at once. They pause between their questions instead. */
const GLANCE_SECONDS = 0.01;
const FIRST_PAUSE_MS = 25;
const LAST_PAUSE_MS = 200;

/** How many calls have a connection of the pool to wait on. */
const waiting = new WeakMap<Pool, number>();

/** What `cache_fetch` answers. */
export interface Answer {
  found: boolean;
  token: string | null;
  /** How many seconds the server has waited. */
  waited: number;
}

/**
 * Asks until there is a value, or a token, or nobody to wait for, or `wait` seconds have passed. `fetch` asks the server
 * to wait for so many seconds. At most half of the pool's connections wait at the same time; a call without the pool has
 * a connection of its own.
 */
export async function patiently<A extends Answer>(
  wait: number,
  pool: Pool | undefined,
  fetch: (seconds: number) => Promise<A | undefined>,
): Promise<A | undefined> {
  const deadline = performance.now() + wait * 1000;
  const left = () => Math.max(0, deadline - performance.now());
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LAST_PAUSE_MS)) {
    const occupied = pool === undefined ? 0 : (waiting.get(pool) ?? 0) + 1;
    const spare = pool === undefined || occupied <= pool.options.max / 2;
    const seconds = Math.min(left() / 1000, spare ? SLICE_SECONDS : GLANCE_SECONDS);
    if (pool !== undefined) waiting.set(pool, occupied);
    let answer: A | undefined;
    try {
      answer = await fetch(seconds);
    } finally {
      if (pool !== undefined) waiting.set(pool, waiting.get(pool)! - 1);
    }
    if (answer === undefined || answer.found || answer.token !== null) return answer;
    // A server that does not wait says that no caller computes the value.
    if (seconds === 0 || answer.waited < seconds / 2) return answer;
    if (!spare) await sleep(Math.min(pause, left()));
  }
}
