// Owns the bytes that a Keyv value is stored as. Must never give back another value, or another key, than was stored.

import { deserialize, serialize } from "node:v8";

/** The first byte of an entry. No JSON text begins with one of them, so entries of others are recognised. */
const TEXT = 1;
const CLONE = 2;
/** Added if the Keyv key stands between the first byte and the value, after its length in four bytes. */
const WITH_KEY = 4;

/** Bytes for a value, and for its Keyv key if the key of the entry does not show it. */
export function frame(value: unknown, key: string | undefined): Buffer {
  const text = typeof value === "string";
  const kind = text ? TEXT : CLONE;
  const body = text ? Buffer.from(value) : serialize(value);
  if (key === undefined) return Buffer.concat([Buffer.of(kind), body]);
  const utf8 = Buffer.from(key);
  const head = Buffer.alloc(5);
  head.writeUInt8(kind | WITH_KEY);
  head.writeUInt32BE(utf8.length, 1);
  return Buffer.concat([head, utf8, body]);
}

/** What `frame` was given. Throws if the bytes come from another program, or from a newer release of Node. */
export function unframe(stored: Buffer, entry: string): { key: string | undefined; value: unknown } {
  try {
    return parse(stored);
  } catch (cause) {
    throw new Error(`the entry ${JSON.stringify(entry)} was not stored by KeyvCachePg`, { cause });
  }
}

function parse(stored: Buffer): { key: string | undefined; value: unknown } {
  const first = stored.readUInt8(0);
  const kind = first & ~WITH_KEY;
  if (kind !== TEXT && kind !== CLONE) throw new RangeError(`the first byte is ${first}`);
  let start = 1;
  let key: string | undefined;
  if (first & WITH_KEY) {
    start = 5 + stored.readUInt32BE(1);
    if (start > stored.length) throw new RangeError("the key is longer than the entry");
    key = stored.toString("utf8", 5, start);
  }
  const body = stored.subarray(start);
  return { key, value: kind === TEXT ? body.toString() : deserialize(body) };
}
