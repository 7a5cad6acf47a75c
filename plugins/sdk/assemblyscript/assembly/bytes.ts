/** Bytes where they lie: a record's fields are read without a copy. */

import { decode, isUtf8 } from "./utf8";

const ONES: u64 = 0x0101010101010101;
const HIGH: u64 = 0x8080808080808080;

/** A view of bytes. What a record hands out is good until `process` returns; `copy` it to keep it. */
export class Bytes {
  /** What holds the bytes alive; null where they lie in the batch or in another's memory. */
  private owner: ArrayBuffer | null = null;

  /** `length` bytes at the address `at`. */
  constructor(public at: usize = 0, public length: i32 = 0) {}

  /** The UTF-8 of a text. */
  static of(text: string): Bytes {
    return Bytes.owned(String.UTF8.encode(text, false, String.UTF8.ErrorMode.REPLACE));
  }

  /** The bytes of an array; later changes to it are not seen. */
  static from(array: Uint8Array): Bytes {
    return new Bytes(array.dataStart, array.length).copy();
  }

  private static owned(owner: ArrayBuffer): Bytes {
    const bytes = new Bytes(changetype<usize>(owner), owner.byteLength);
    bytes.owner = owner;
    return bytes;
  }

  /** Makes this view one of other bytes. */
  set(at: usize, length: i32): this {
    this.at = at;
    this.length = length;
    return this;
  }

  /** The byte at a place. */
  @operator("[]") get(index: i32): u8 {
    if (<u32>index >= <u32>this.length) throw new RangeError("an index past the end of bytes");
    return load<u8>(this.at + index);
  }

  /** Whether there are none. */
  get isEmpty(): bool {
    return this.length == 0;
  }

  /** Whether both hold the same bytes. */
  equals(other: Bytes): bool {
    return this.length == other.length && memory.compare(this.at, other.at, this.length) == 0;
  }

  startsWith(start: Bytes): bool {
    return this.length >= start.length && memory.compare(this.at, start.at, start.length) == 0;
  }

  endsWith(tail: Bytes): bool {
    return this.length >= tail.length && memory.compare(this.at + this.length - tail.length, tail.at, tail.length) == 0;
  }

  /** Whether the other bytes occur in these. */
  includes(other: Bytes): bool {
    return this.indexOf(other) >= 0;
  }

  /** Where the other bytes first occur; -1 where they do not. */
  indexOf(other: Bytes): i32 {
    if (other.length == 0) return 0;
    if (other.length > this.length) return -1;
    const first = load<u8>(other.at);
    const end = this.at + this.length;
    const last = end - other.length;
    let at = this.at;
    while ((at = findByte(at, end, first)) <= last) {
      if (memory.compare(at, other.at, other.length) == 0) return <i32>(at - this.at);
      at++;
    }
    return -1;
  }

  /** Where a byte first occurs; -1 where it does not. */
  indexOfByte(byte: u8): i32 {
    const end = this.at + this.length;
    const at = findByte(this.at, end, byte);
    return at == end ? -1 : <i32>(at - this.at);
  }

  /** Where a byte last occurs; -1 where it does not. */
  lastIndexOfByte(byte: u8): i32 {
    for (let n = this.length - 1; n >= 0; n--) {
      if (load<u8>(this.at + n) == byte) return n;
    }
    return -1;
  }

  /** A view of a part; bounds are cut to what there is. */
  slice(start: i32, end: i32 = i32.MAX_VALUE): Bytes {
    end = max(min(end, this.length), 0);
    start = max(min(start, end), 0);
    const part = new Bytes(this.at + start, end - start);
    part.owner = this.owner;
    return part;
  }

  /** The same bytes in memory of their own. */
  copy(): Bytes {
    const owner = new ArrayBuffer(this.length);
    memory.copy(changetype<usize>(owner), this.at, this.length);
    return Bytes.owned(owner);
  }

  /** Whether they are UTF-8. */
  isUtf8(): bool {
    return isUtf8(this.at, this.length);
  }

  /** Their text; what is not UTF-8 becomes U+FFFD. */
  toString(): string {
    return decode(this.at, this.length);
  }

  /** The same bytes as an array. */
  toUint8Array(): Uint8Array {
    const array = new Uint8Array(this.length);
    memory.copy(array.dataStart, this.at, this.length);
    return array;
  }
}

/** Where a byte first occurs, eight bytes at a time; `end` where it does not. */
function findByte(at: usize, end: usize, byte: u8): usize {
  const wanted = ONES * byte;
  for (; at + 8 <= end; at += 8) {
    const zero = load<u64>(at) ^ wanted; // a byte of zero is one that is wanted
    const hits = (zero - ONES) & ~zero & HIGH; // of which the lowest bit is right
    if (hits != 0) return at + <usize>(ctz(hits) >> 3);
  }
  while (at < end && load<u8>(at) != byte) at++;
  return at;
}
