/** Finds where JSON values end, over raw memory, and checks them by the way (RFC 8259, UTF-8). */

import { codePointLength } from "./utf8";

/** What a scan returns for what is not JSON. */
export const NOT_JSON: usize = 0;

/** How deep lists and maps may lie in each other: each level takes stack. */
const MAX_DEPTH = 512;

const ONES: u64 = 0x0101010101010101;
const HIGH: u64 = 0x8080808080808080;

/** Whether the string that `skipString` went over last has escapes. */
export let stringHasEscapes = false;

/** Behind white space. */
export function skipSpace(at: usize, end: usize): usize {
  while (at < end) {
    const byte = load<u8>(at);
    if (byte > 0x20 || !(byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09)) break;
    at++;
  }
  return at;
}

/** Behind the value that starts at `at`, which lies `depth` levels deep. */
export function skipValue(at: usize, end: usize, depth: i32): usize {
  if (at >= end) return NOT_JSON;
  switch (load<u8>(at)) {
    case 0x22: return skipString(at, end);
    case 0x7b: return skipMap(at, end, depth);
    case 0x5b: return skipList(at, end, depth);
    case 0x74: return end - at >= 4 && load<u32>(at) == 0x65757274 ? at + 4 : NOT_JSON; // true
    case 0x66: return end - at >= 5 && load<u32>(at, 1) == 0x65736c61 ? at + 5 : NOT_JSON; // alse
    case 0x6e: return end - at >= 4 && load<u32>(at) == 0x6c6c756e ? at + 4 : NOT_JSON; // null
    default: return skipNumber(at, end);
  }
}

/** Behind the string whose first quote is at `at`. */
export function skipString(at: usize, end: usize): usize {
  stringHasEscapes = false;
  at++;
  while (at < end) {
    if (end - at >= 8 && isPlain(load<u64>(at))) {
      at += 8;
      continue;
    }
    const byte = load<u8>(at);
    if (byte == 0x22) return at + 1;
    if (byte == 0x5c) {
      stringHasEscapes = true;
      at = skipEscape(at, end);
      if (at == NOT_JSON) return NOT_JSON;
    } else if (byte < 0x20) {
      return NOT_JSON;
    } else if (byte < 0x80) {
      at++;
    } else {
      const length = codePointLength(at, end);
      if (length == 0) return NOT_JSON;
      at += length;
    }
  }
  return NOT_JSON;
}

/** Whether eight bytes are printable ASCII without a quote or backslash. It may say no where there is one that is just above. */
function isPlain(eight: u64): bool {
  const quote = eight ^ 0x2222222222222222;
  const backslash = eight ^ 0x5c5c5c5c5c5c5c5c;
  const low = eight - 0x2020202020202020;
  return ((eight | low | (quote - ONES) | (backslash - ONES)) & HIGH) == 0;
}

function skipEscape(at: usize, end: usize): usize {
  if (end - at < 2) return NOT_JSON;
  switch (load<u8>(at, 1)) {
    case 0x22: case 0x5c: case 0x2f: case 0x62: case 0x66: case 0x6e: case 0x72: case 0x74: return at + 2;
    case 0x75: break;
    default: return NOT_JSON;
  }
  if (end - at < 6) return NOT_JSON;
  for (let n: usize = 2; n < 6; n++) {
    const byte = load<u8>(at + n);
    const letter = byte | 0x20;
    if (!(isDigit(byte) || (letter >= 0x61 && letter <= 0x66))) return NOT_JSON;
  }
  return at + 6;
}

function skipMap(at: usize, end: usize, depth: i32): usize {
  if (depth >= MAX_DEPTH) return NOT_JSON;
  at = skipSpace(at + 1, end);
  if (at < end && load<u8>(at) == 0x7d) return at + 1;
  while (at < end) {
    if (load<u8>(at) != 0x22) return NOT_JSON;
    at = skipString(at, end);
    if (at == NOT_JSON) return NOT_JSON;
    at = skipSpace(at, end);
    if (at >= end || load<u8>(at) != 0x3a) return NOT_JSON;
    at = skipValue(skipSpace(at + 1, end), end, depth + 1);
    if (at == NOT_JSON) return NOT_JSON;
    at = skipSpace(at, end);
    if (at >= end) return NOT_JSON;
    if (load<u8>(at) == 0x7d) return at + 1;
    if (load<u8>(at) != 0x2c) return NOT_JSON;
    at = skipSpace(at + 1, end);
  }
  return NOT_JSON;
}

function skipList(at: usize, end: usize, depth: i32): usize {
  if (depth >= MAX_DEPTH) return NOT_JSON;
  at = skipSpace(at + 1, end);
  if (at < end && load<u8>(at) == 0x5d) return at + 1;
  while (at < end) {
    at = skipValue(at, end, depth + 1);
    if (at == NOT_JSON) return NOT_JSON;
    at = skipSpace(at, end);
    if (at >= end) return NOT_JSON;
    if (load<u8>(at) == 0x5d) return at + 1;
    if (load<u8>(at) != 0x2c) return NOT_JSON;
    at = skipSpace(at + 1, end);
  }
  return NOT_JSON;
}

function skipNumber(at: usize, end: usize): usize {
  if (load<u8>(at) == 0x2d) at++;
  if (at >= end || !isDigit(load<u8>(at))) return NOT_JSON;
  at = load<u8>(at) == 0x30 ? at + 1 : skipDigits(at, end); // no leading zeros
  if (at < end && load<u8>(at) == 0x2e) {
    const digits = at + 1;
    at = skipDigits(digits, end);
    if (at == digits) return NOT_JSON;
  }
  if (at < end && (load<u8>(at) | 0x20) == 0x65) {
    at++;
    if (at < end && (load<u8>(at) == 0x2b || load<u8>(at) == 0x2d)) at++;
    const digits = at;
    at = skipDigits(digits, end);
    if (at == digits) return NOT_JSON;
  }
  return at;
}

function skipDigits(at: usize, end: usize): usize {
  while (at < end && isDigit(load<u8>(at))) at++;
  return at;
}

function isDigit(byte: u8): bool {
  return byte >= 0x30 && byte <= 0x39;
}
