/** A JSON reader (RFC 8259): walks over a text where it lies, checks it all, and builds no tree. */

import { Bytes } from "./bytes";
import { NOT_JSON, skipSpace, skipString, skipValue, stringHasEscapes } from "./jsonscan";

/** What a JSON value is. */
export enum JsonKind {
  TEXT,
  NUMBER,
  TRUE,
  FALSE,
  NULL,
  LIST,
  MAP,
}

/** A number that is no whole one, or beyond 2^53 - 1, see `jsonWhole`. */
export const NOT_WHOLE: i64 = i64.MIN_VALUE;

/** The largest whole number that every JSON reader holds exactly. */
const MAX_WHOLE: u64 = (1 << 53) - 1;

/**
 * Walks over the members of a map or the elements of a list:
 *
 *     if (reader.openMap(text)) while (reader.next()) { reader.keyIs("status"); reader.value; reader.kind; }
 *     if (reader.failed) ... // the text is not JSON, or not a map
 *
 * What it hands out are views of the text. Keep a reader in the plugin: it allocates nothing.
 */
export class JsonReader {
  /** The member's key as it lies between its quotes, still escaped. */
  readonly key: Bytes = new Bytes();
  /** The JSON text of the member's or element's value. */
  readonly value: Bytes = new Bytes();
  /** Whether what was read so far is wrong; to be asked when `next` says false. */
  failed: bool = false;

  private at: usize = 0;
  private end: usize = 0;
  private close: u8 = 0;
  private first: bool = true;
  private keyEscaped: bool = false;

  /** Starts with a text that is a map; false if it starts as none. */
  openMap(text: Bytes): bool {
    return this.open(text, 0x7b, 0x7d);
  }

  /** Starts with a text that is a list; false if it starts as none. */
  openList(text: Bytes): bool {
    return this.open(text, 0x5b, 0x5d);
  }

  /** Goes to the next member or element; false behind the last, and where the text goes wrong. */
  next(): bool {
    if (this.failed || this.at >= this.end) return false;
    if (load<u8>(this.at) == this.close) return this.finish();
    if (!this.first) {
      if (load<u8>(this.at) != 0x2c) return this.fail();
      this.at = skipSpace(this.at + 1, this.end);
    }
    this.first = false;
    if (this.close == 0x7d && !this.readKey()) return this.fail();
    const start = this.at;
    const behind = skipValue(start, this.end, 1);
    if (behind == NOT_JSON) return this.fail();
    this.value.set(start, <i32>(behind - start));
    this.at = skipSpace(behind, this.end);
    return this.at < this.end || this.fail();
  }

  /** Whether the member has this key. */
  keyIs(name: string): bool {
    if (this.keyEscaped) return decodeText(this.key) == name;
    const key = this.key;
    if (key.length < name.length) return false; // UTF-8 is never shorter than UTF-16 has units
    for (let n = 0; n < name.length; n++) {
      const unit = name.charCodeAt(n);
      if (unit > 0x7f) return key.toString() == name;
      if (load<u8>(key.at + n) != unit) return false;
    }
    return key.length == name.length;
  }

  /** The member's key as text. */
  keyText(): string {
    return decodeText(this.key);
  }

  /** What the value is. */
  get kind(): JsonKind {
    return jsonKind(this.value);
  }

  private open(text: Bytes, open: u8, close: u8): bool {
    this.end = text.at + text.length;
    this.at = skipSpace(text.at, this.end);
    this.close = close;
    this.first = true;
    this.failed = this.at >= this.end || load<u8>(this.at) != open;
    if (this.failed) return false;
    this.at = skipSpace(this.at + 1, this.end);
    if (this.at >= this.end) this.failed = true;
    return !this.failed;
  }

  private readKey(): bool {
    const start = this.at;
    if (start >= this.end || load<u8>(start) != 0x22) return false;
    const behind = skipString(start, this.end);
    if (behind == NOT_JSON) return false;
    this.keyEscaped = stringHasEscapes;
    this.key.set(start + 1, <i32>(behind - start - 2));
    const colon = skipSpace(behind, this.end);
    if (colon >= this.end || load<u8>(colon) != 0x3a) return false;
    this.at = skipSpace(colon + 1, this.end);
    return true;
  }

  /** Behind the closing bracket there may be white space alone. */
  private finish(): bool {
    this.at = skipSpace(this.at + 1, this.end);
    if (this.at < this.end) this.failed = true;
    return false;
  }

  private fail(): bool {
    this.failed = true;
    return false;
  }
}

/** What a value is that a `JsonReader` has handed out. */
export function jsonKind(value: Bytes): JsonKind {
  switch (load<u8>(value.at)) {
    case 0x22: return JsonKind.TEXT;
    case 0x74: return JsonKind.TRUE;
    case 0x66: return JsonKind.FALSE;
    case 0x6e: return JsonKind.NULL;
    case 0x5b: return JsonKind.LIST;
    case 0x7b: return JsonKind.MAP;
    default: return JsonKind.NUMBER;
  }
}

/** The text of a value of kind `TEXT`. */
export function jsonText(value: Bytes): string {
  return decodeText(value.slice(1, value.length - 1));
}

/** The number of a value of kind `NUMBER`. */
export function jsonNumber(value: Bytes): f64 {
  return F64.parseFloat(value.toString());
}

/** A value of kind `NUMBER` as an integer where it is one (3, 3.0 and 3e0 are) and within 2^53 - 1; else `NOT_WHOLE`. */
export function jsonWhole(value: Bytes): i64 {
  let at = value.at;
  const end = at + value.length;
  const negative = load<u8>(at) == 0x2d;
  if (negative) at++;
  let digits: u64 = 0;
  let zeros = 0; // at the end of the digits so far, and not in them
  let fraction = 0; // digits behind the point
  let behind = false;
  for (; at < end; at++) {
    const byte = load<u8>(at);
    if (byte == 0x2e) {
      behind = true;
      continue;
    }
    if ((byte | 0x20) == 0x65) break;
    fraction += i32(behind);
    if (byte == 0x30) {
      if (digits > 0) zeros++;
      continue;
    }
    digits = shifted(digits, zeros + 1) + (byte - 0x30);
    if (digits > MAX_WHOLE) return NOT_WHOLE;
    zeros = 0;
  }
  if (digits == 0) return 0;
  const exponent = zeros - fraction + readExponent(at, end);
  if (exponent < 0) return NOT_WHOLE;
  digits = shifted(digits, exponent);
  if (digits > MAX_WHOLE) return NOT_WHOLE;
  return negative ? -(<i64>digits) : <i64>digits;
}

/** Times ten to a power; something over `MAX_WHOLE` where it is over that. */
function shifted(digits: u64, power: i32): u64 {
  while (power-- > 0 && digits > 0 && digits <= MAX_WHOLE) digits *= 10;
  return digits;
}

/** The exponent that starts with an `e` at `at`, if there is one, cut at what no text reaches with its digits. */
function readExponent(at: usize, end: usize): i32 {
  if (at >= end) return 0;
  at++;
  const negative = load<u8>(at) == 0x2d;
  if (negative || load<u8>(at) == 0x2b) at++;
  let exponent = 0;
  for (; at < end; at++) exponent = min(exponent * 10 + (load<u8>(at) - 0x30), 100_000_000);
  return negative ? -exponent : exponent;
}

/** The text of what lies between the quotes of a JSON string. */
function decodeText(inside: Bytes): string {
  let text = "";
  let start = 0;
  let at = 0;
  while (at < inside.length) {
    if (load<u8>(inside.at + at) != 0x5c) {
      at++;
      continue;
    }
    text += inside.slice(start, at).toString();
    const escape = load<u8>(inside.at + at + 1);
    if (escape == 0x75) {
      text += String.fromCharCode(<i32>parseInt(inside.slice(at + 2, at + 6).toString(), 16));
      at += 6;
    } else {
      text += unescaped(escape);
      at += 2;
    }
    start = at;
  }
  return start == 0 ? inside.toString() : text + inside.slice(start).toString();
}

function unescaped(escape: u8): string {
  switch (escape) {
    case 0x62: return "\b";
    case 0x66: return "\f";
    case 0x6e: return "\n";
    case 0x72: return "\r";
    case 0x74: return "\t";
    default: return String.fromCharCode(escape); // a quote, a backslash or a slash
  }
}
