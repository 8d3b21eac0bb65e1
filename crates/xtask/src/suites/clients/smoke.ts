// The first program of a user, compiled with the types of the installed package.
import assert from "node:assert/strict";
import { createCache } from "cache-pg";
import pg from "pg";

interface Tenant {
  name: string;
}

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const cache = createCache({ pool, errors: "throw" });
const tenants = cache.namespace<Tenant>("tenant", { ttl: "5 minutes" });
const load = (name: string) => async (): Promise<Tenant> => ({ name });

assert.equal(await tenants.get("burger-palace"), undefined);
assert.equal(await tenants.set("burger-palace", { name: "Burger Palace" }), true);
assert.deepEqual(await tenants.get("burger-palace"), { name: "Burger Palace" });
assert.deepEqual(await tenants.getOrSet("burger-palace", load("Other")), { name: "Burger Palace" });
assert.deepEqual(await tenants.getOrSet("noodle-bar", load("Noodle Bar")), { name: "Noodle Bar" });

// The extension has what the client has written.
const { rows } = await pool.query("SELECT cache_get('tenant:noodle-bar') AS value");
assert.deepEqual(rows, [{ value: { name: "Noodle Bar" } }]);
await cache.close();
await pool.end();
