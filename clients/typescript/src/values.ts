// Owns the forms that values and durations take on their way to the server and back. Must never send a text that the
// server's own casts refuse: such an error happens before the cache is called, and would fail the caller's transaction.

/** Checks a value that was read, and returns it: a schema of zod, for example. Throws if the value has another shape. */
export interface Schema<T> {
  parse(value: unknown): T;
}

/**
 * How long an entry lives: a number of seconds, or a text as PostgreSQL reads intervals, such as `"5 minutes"`.
 *
 * At least a millisecond and at most `cache_pg.max_ttl` (30 days by default). `Infinity` or `"infinity"`: as long as
 * allowed. `"keep"`: an entry that is replaced keeps its deadline.
 */
export type Ttl = number | string;

/** How a namespace stores values: its functions end in `suffix`, and their parameters have `type`. */
export interface Codec<T> {
  readonly suffix: "" | "_bytes";
  readonly type: "jsonb" | "bytea";
  /** How to read a result, or a column, of the functions. */
  read(result: string): string;
  /** How to read the value of `cache_entry(...) AS e`. */
  readonly entry: string;
  encode(value: unknown): string | Buffer;
  decode(stored: string | Buffer): T;
}

export function json<T>(schema: Schema<T> | undefined): Codec<T> {
  return {
    suffix: "",
    type: "jsonb",
    read: (result) => `${result}::text`,
    entry: "e.value::text",
    encode: toJson,
    decode(stored) {
      const value: unknown = JSON.parse(stored.toString());
      return schema ? schema.parse(value) : (value as T);
    },
  };
}

export const bytes: Codec<Buffer> = {
  suffix: "_bytes",
  type: "bytea",
  read: (result) => result,
  entry: "coalesce(e.bytes, convert_to(e.value::text, 'UTF8'))",
  encode(value) {
    if (!(value instanceof Uint8Array)) throw new TypeError(`a cache of bytes stores a Uint8Array, not ${typeof value}`);
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  },
  decode: (stored) => Buffer.from(stored as Buffer),
};

/** In JSON text: U+0000 or a lone surrogate, written as an escape. Backslashes before it come in pairs. */
const REFUSED_ESCAPE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/;

function toJson(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`a cache stores JSON, and ${typeof value} has no JSON; store null instead`);
  if (REFUSED_ESCAPE.test(text)) throw new TypeError("PostgreSQL cannot store U+0000 or a lone surrogate in jsonb");
  return text;
}

/** The text that the server reads as a ttl. */
export function ttlText(ttl: Ttl | undefined): string | null {
  if (ttl === undefined) return null;
  if (Number.isNaN(ttl)) throw new TypeError("a ttl cannot be NaN");
  return ttl === Infinity ? "infinity" : String(ttl);
}

/**
 * The text that the server reads as a moment. Its years have no plus sign, and begin later than those of a Date; all
 * moments that are past mean the same.
 */
export function dateText(date: Date | undefined): string | null {
  return date === undefined ? null : new Date(Math.max(0, date.getTime())).toISOString().replace(/^\+0?/, "");
}

/** The text of a version, which is a transaction id of 64 bits. */
export function versionText(version: string | undefined): string | null {
  if (version === undefined) return null;
  if (/^\d{1,20}$/.test(version) && BigInt(version) < 2n ** 64n) return version;
  throw new TypeError(`${JSON.stringify(version)} is not the version of an entry`);
}

/** The text of an integer of 64 bits. */
export function integerText(integer: number | bigint): string {
  if (typeof integer === "number" && !Number.isSafeInteger(integer)) {
    throw new RangeError(`${integer} is not an integer that a number holds exactly; pass a bigint`);
  }
  if (BigInt.asIntN(64, BigInt(integer)) !== BigInt(integer)) throw new RangeError(`${integer} has more than 64 bits`);
  return integer.toString();
}
