// A process of its own for the tests: reads through the cache, and prints whether it has loaded.

import pg from "pg";
import { createCache } from "cache-pg";

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
let loads = 0;
const value = await createCache({ pool }).namespace<number>("n").getOrSet("shared", async () => {
  loads++;
  await pool.query("SELECT pg_sleep(0.3)");
  return process.pid;
}, { wait: 10 });
console.log(JSON.stringify({ loads, value }));
await pool.end();
