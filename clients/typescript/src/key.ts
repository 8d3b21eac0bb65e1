import { createHash } from "node:crypto";

/** The longest key, in bytes of UTF-8. */
const MAX_BYTES = 512;
/** So much of a text remains in front of its hash: 512 without `#` and 32 digits. */
const KEPT_BYTES = 479;

/** Unicode's White_Space. JavaScript's `\s` has U+FEFF too, and lacks U+0085. */
const SPACE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const EDGES = new RegExp(`^[${SPACE}]|[${SPACE}]$`);
const LEADING_SPACE = new RegExp(`^[${SPACE}]+`);
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;
const CONTROLS = new RegExp(CONTROL, "g");

/**
 * Joins the parts with `:`, and makes a valid key of any text: the same one as the SQL function `cache_key`.
 *
 * A valid key stays as it is. Of any other text, the namespace and a readable beginning stay, followed by `#` and a
 * hash of the whole text. A lone surrogate counts as U+FFFD, because it has no UTF-8.
 */
export function cacheKey(...parts: readonly string[]): string {
  const joined = parts.join(":");
  const utf8 = Buffer.from(joined);
  if (utf8.length > 0 && utf8.length <= MAX_BYTES && !CONTROL.test(joined) && !EDGES.test(joined)) {
    return utf8.toString();
  }
  const readable = joined.replace(LEADING_SPACE, (run) => "_".repeat(run.length)).replace(CONTROLS, "_");
  return `${prefix(readable)}#${createHash("sha256").update(utf8).digest("hex").slice(0, 32)}`;
}

/** The longest beginning that fits, cut between two characters. */
function prefix(text: string): string {
  const utf8 = Buffer.from(text);
  let end = Math.min(utf8.length, KEPT_BYTES);
  while (end < utf8.length && (utf8[end]! & 0xc0) === 0x80) end--;
  return utf8.toString("utf8", 0, end);
}
