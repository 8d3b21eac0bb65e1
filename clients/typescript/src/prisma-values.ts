// Owns the texts for results and arguments of Prisma's queries. Must never give back a value of another type, nor give
// two queries with different results the same text.

import { Decimal, isObjectEnumValue, skip } from "@prisma/client/runtime/client";

/** Part of every key: a release that packs results in another way has another one. */
export const FORMAT = 1;

/** Marks what JSON has no form for: an object with this key has a type, and a value of that type. */
const TYPE = "$type";

/** A text from which `unpack` makes an equal value, with its Dates, Decimals, BigInts and Bytes. */
export function pack(result: unknown): string {
  return JSON.stringify(packed(result));
}

export function unpack(text: string): unknown {
  return unpacked(JSON.parse(text));
}

/**
 * The same text for arguments that mean the same query: the order of keys does not count, and undefined and
 * `Prisma.skip` count as absent.
 */
export function argumentsText(args: unknown): string {
  return JSON.stringify(sorted(args));
}

const typed = (type: string, value?: unknown) => ({ [TYPE]: type, value });

/** What JSON cannot hold, typed; undefined for everything else. */
function special(value: unknown): object | undefined {
  if (typeof value === "bigint") return typed("bigint", value.toString());
  if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) {
    return typed("number", Object.is(value, -0) ? "-0" : String(value));
  }
  if (value === undefined) return typed("undefined");
  if (value instanceof Date) return typed("Date", value.toISOString());
  if (value instanceof Uint8Array) {
    return typed("Bytes", Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64"));
  }
  if (Decimal.isDecimal(value)) return typed("Decimal", value.toString());
  return undefined;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function map(value: object, change: (value: unknown) => unknown): object {
  const changed = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, change(part)]));
  return Object.hasOwn(value, TYPE) ? typed("object", changed) : changed;
}

function packed(value: unknown): unknown {
  const found = special(value);
  if (found !== undefined) return found;
  if (Array.isArray(value)) return value.map(packed);
  if (typeof value === "object" && value !== null) {
    if (isPlain(value)) return map(value, packed);
    throw new TypeError(`cannot cache a result that contains a ${value.constructor.name}`);
  }
  if (typeof value === "function" || typeof value === "symbol") {
    throw new TypeError(`cannot cache a result that contains a ${typeof value}`);
  }
  return value;
}

function unpacked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unpacked);
  if (typeof value !== "object" || value === null) return value;
  const { [TYPE]: type, value: inner } = value as { [TYPE]?: string; value?: unknown };
  if (type === undefined) return parts(value);
  switch (type) {
    case "bigint": return BigInt(inner as string);
    case "number": return Number(inner);
    case "undefined": return undefined;
    case "Date": return new Date(inner as string);
    case "Bytes": return new Uint8Array(Buffer.from(inner as string, "base64"));
    case "Decimal": return new Decimal(inner as string);
    case "object": return parts(inner as object);
    default: throw new TypeError(`a cached result has a value of the unknown type ${JSON.stringify(type)}`);
  }
}

function parts(value: object): object {
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, unpacked(part)]));
}

function sorted(value: unknown): unknown {
  const found = special(value);
  if (found !== undefined) return found;
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value === "object" && value !== null) {
    if (isPlain(value)) return map(present(value), sorted);
    // DbNull, JsonNull and AnyNull.
    if (isObjectEnumValue(value)) return typed("enum", String(value));
    const { toJSON } = value as { toJSON?: () => unknown };
    // Dates and Decimals of other libraries, and references to fields.
    return typed(value.constructor.name, toJSON ? sorted(toJSON.call(value)) : map(present(value), sorted));
  }
  if (typeof value === "function" || typeof value === "symbol") {
    throw new TypeError(`cannot cache a query with a ${typeof value} among its arguments`);
  }
  return value;
}

function present(value: object): object {
  const entries = Object.entries(value).filter(([, part]) => part !== undefined && part !== skip);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
