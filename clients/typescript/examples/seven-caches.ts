// The seven caches of a platform for restaurants: examples/seven-caches.sql of cache_pg, as the application's module
// `cache.ts`. The database keeps the entries, so all processes share them, and a deployment does not empty them.
//
// The SQL file configures what concerns all clients: ttl and jitter. Here are the types, the loaders, and the
// invalidations.

import type { ClientBase, Pool } from "pg";
import { createCache } from "cache-pg";
import { z } from "zod";

const Tenant = z.object({ slug: z.string(), name: z.string(), plan: z.enum(["free", "pro"]) });
const Session = z.object({ userId: z.string(), slug: z.string() });
const Dish = z.object({ id: z.number(), name: z.string(), price: z.number() });
const Order = z.object({ number: z.number(), slug: z.string(), status: z.enum(["open", "served", "paid"]) });
const Table = z.object({ number: z.number(), seats: z.number(), order: z.number().nullable() });

export type Tenant = z.infer<typeof Tenant>;
export type Session = z.infer<typeof Session>;
export type Dish = z.infer<typeof Dish>;
export type Order = z.infer<typeof Order>;
export type Table = z.infer<typeof Table>;

/** What the application reads from its own tables. */
export interface Source {
  tenant(slug: string): Promise<Tenant | null>;
  permissions(user: string): Promise<string[]>;
  menu(slug: string): Promise<Dish[]>;
  staff(slug: string): Promise<string[]>;
}

export function openCaches(pool: Pool, source: Source) {
  const cache = createCache({ pool });

  // Every request needs one. A slug that does not exist is cached too, as null.
  const tenants = cache.namespace("tenant", { schema: Tenant.nullable() });
  const sessions = cache.namespace("session", { schema: Session });
  const permissions = cache.namespace("permission", { schema: z.array(z.string()) });
  const menus = cache.namespace("menu", { schema: z.array(Dish) });
  const orders = cache.namespace("order", { schema: Order });
  const tables = cache.namespace("table", { schema: Table });
  const staff = cache.namespace("staff", { schema: z.array(z.string()) });

  return {
    tenant: (slug: string) => tenants.getOrSet(slug, () => source.tenant(slug), { tags: [`tenant:${slug}`] }),
    permissions: (user: string) => permissions.getOrSet(user, () => source.permissions(user)),
    menu: (slug: string) => menus.getOrSet(slug, () => source.menu(slug), { tags: [`tenant:${slug}`] }),
    staff: (slug: string) => staff.getOrSet(slug, () => source.staff(slug), { tags: [`tenant:${slug}`] }),

    /** A session ends a day after its last request. */
    session: (token: string) => sessions.getAndTouch(token),
    logIn: (token: string, session: Session) => sessions.set(token, session),
    logOut: (token: string) => sessions.delete(token),

    order: (number: number) => orders.get(String(number)),
    putOrder: (order: Order, client?: ClientBase) => orders.set(String(order.number), order, { client }),

    /** The floor plan reads every table of a restaurant at once. */
    async floorPlan(slug: string, numbers: number[]): Promise<Map<number, Table>> {
      const found = await tables.getMany(numbers.map((number) => `${slug}:${number}`));
      return new Map([...found.values()].map((table) => [table.number, table]));
    },
    putTables: (slug: string, changed: Table[]) =>
      tables.setMany(changed.map((table) => [`${slug}:${table.number}`, table] as const)),

    // Call these in the transaction that changes the source. Then no reader gets the old value after the commit.
    tenantChanged: (slug: string, client: ClientBase) => tenants.delete(slug, { client }),
    menuChanged: (slug: string, client: ClientBase) => menus.delete(slug, { client }),
    roleChanged: (user: string, client: ClientBase) => permissions.delete(user, { client }),
    async tenantDeleted(slug: string, client: ClientBase): Promise<void> {
      await cache.invalidateTags(`tenant:${slug}`, { client });
      await tables.clear({ prefix: `${slug}:`, client });
    },
  };
}
