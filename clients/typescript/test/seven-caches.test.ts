import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { openCaches, type Source, type Table, type Tenant } from "../examples/seven-caches.js";
import { testDatabase, transaction } from "./support.js";

const db = await testDatabase();
const configuration = new URL("../../../../examples/seven-caches.sql", import.meta.url);
if (existsSync(configuration)) await db.pool.query(readFileSync(configuration, "utf8"));

let tenant: Tenant | null = { slug: "burger-palace", name: "Burger Palace", plan: "free" };
const reads: string[] = [];
const source: Source = {
  tenant: async (slug) => (reads.push(`tenant ${slug}`), slug === "burger-palace" ? tenant : null),
  permissions: async (user) => (reads.push(`permissions ${user}`), ["orders"]),
  menu: async (slug) => (reads.push(`menu ${slug}`), [{ id: 1, name: "Fries", price: 3 }]),
  staff: async (slug) => (reads.push(`staff ${slug}`), ["ann"]),
};
const caches = openCaches(db.pool, source);

test("the seven caches", async () => {
  for (let i = 0; i < 2; i++) {
    assert.equal((await caches.tenant("burger-palace"))?.plan, "free");
    assert.equal(await caches.tenant("nobody"), null);
    assert.deepEqual(await caches.permissions("ann"), ["orders"]);
    assert.deepEqual(await caches.menu("burger-palace"), [{ id: 1, name: "Fries", price: 3 }]);
    assert.deepEqual(await caches.staff("burger-palace"), ["ann"]);
  }
  const once = ["tenant burger-palace", "tenant nobody", "permissions ann", "menu burger-palace", "staff burger-palace"];
  assert.deepEqual(reads.splice(0), once);

  const session = { userId: "ann", slug: "burger-palace" };
  assert.equal(await caches.session("s1"), undefined);
  await caches.logIn("s1", session);
  assert.deepEqual(await caches.session("s1"), session);
  await caches.logOut("s1");
  assert.equal(await caches.session("s1"), undefined);

  await caches.putOrder({ number: 7, slug: "burger-palace", status: "open" });
  assert.equal((await caches.order(7))?.status, "open");

  const tables: Table[] = [{ number: 1, seats: 4, order: null }, { number: 2, seats: 2, order: 7 }];
  assert.equal(await caches.putTables("burger-palace", tables), 2);
  assert.deepEqual([...(await caches.floorPlan("burger-palace", [1, 2, 3])).values()], tables);

  await transaction(db.pool, async (client) => {
    tenant = { ...tenant!, plan: "pro" };
    await caches.tenantChanged("burger-palace", client);
    await caches.menuChanged("burger-palace", client);
    await caches.roleChanged("ann", client);
  });
  assert.equal((await caches.tenant("burger-palace"))?.plan, "pro");
  await caches.menu("burger-palace");
  await caches.permissions("ann");
  assert.deepEqual(reads.splice(0), ["tenant burger-palace", "menu burger-palace", "permissions ann"]);

  await transaction(db.pool, async (client) => {
    tenant = null;
    await caches.tenantDeleted("burger-palace", client);
  });
  assert.equal(await caches.tenant("burger-palace"), null);
  assert.equal((await caches.floorPlan("burger-palace", [1, 2])).size, 0);
});
