/** A buffer that grows: to build an answer in, and to be kept from record to record. */

import { Bytes } from "./bytes";
import { encode } from "./utf8";

/** Bytes one behind the other. Keep one in the plugin and `clear` it: its memory stays. */
export class Buffer {
  private block: ArrayBuffer = new ArrayBuffer(0);
  private view: Bytes = new Bytes();
  /** How many bytes it holds. */
  length: i32 = 0;

  /** The address of the first byte, good until the buffer grows. */
  get at(): usize {
    return changetype<usize>(this.block);
  }

  /** What it holds: a view that is good until the buffer changes. */
  get bytes(): Bytes {
    return this.view.set(this.at, this.length);
  }

  /** Forgets what it holds. */
  clear(): this {
    this.length = 0;
    return this;
  }

  /** Appends a text in UTF-8, or `Bytes`, a `Buffer` or a `Uint8Array`. */
  push<T>(value: T): this {
    if (isNullable<T>()) {
      this.push<NonNullable<T>>(value!);
    } else if (isString<T>()) {
      this.pushText(changetype<string>(value));
    } else if (value instanceof Bytes) {
      this.pushRaw((<Bytes>value).at, (<Bytes>value).length);
    } else if (value instanceof Buffer) {
      const length = (<Buffer>value).length;
      const to = this.extend(length); // before the address is taken: the other may be this one
      memory.copy(to, (<Buffer>value).at, length);
    } else if (value instanceof Uint8Array) {
      this.pushRaw((<Uint8Array>value).dataStart, (<Uint8Array>value).length);
    } else {
      ERROR("bytes are a string, Bytes, a Buffer or a Uint8Array");
    }
    return this;
  }

  /** Appends one byte. */
  pushByte(byte: u8): this {
    store<u8>(this.extend(1), byte);
    return this;
  }

  /** Appends an integer in decimal digits. */
  pushInteger(value: i64): this {
    let rest = value < 0 ? 0 - <u64>value : <u64>value;
    let digits = 1;
    for (let left = rest / 10; left > 0; left /= 10) digits++;
    const sign = i32(value < 0);
    const at = this.extend(digits + sign);
    if (sign) store<u8>(at, 0x2d);
    for (let n = digits + sign - 1; n >= sign; n--) {
      store<u8>(at + n, <u8>(0x30 + rest % 10));
      rest /= 10;
    }
    return this;
  }

  /** Appends a text as a JSON string, with its quotes. */
  pushJsonText(text: string): this {
    this.pushByte(0x22);
    const from = this.length;
    this.pushText(text);
    let escapes = 0;
    for (let n = from; n < this.length; n++) escapes += i32(needsEscape(load<u8>(this.at + n)));
    if (escapes > 0) this.escapeFrom(from, escapes);
    return this.pushByte(0x22);
  }

  /** Appends a word, little endian. */
  pushWord(word: u32): this {
    store<u32>(this.extend(4), word);
    return this;
  }

  /** Appends the bytes at an address, which does not lie in this buffer. */
  pushRaw(at: usize, length: i32): this {
    const to = this.extend(length);
    memory.copy(to, at, length);
    return this;
  }

  /** Makes room for `count` bytes behind what it holds: their address. What lies there is the caller's to write. */
  extend(count: i32): usize {
    const start = this.length;
    if (<i64>start + count > this.block.byteLength) this.grow(<i64>start + count);
    this.length = start + count;
    return this.at + start;
  }

  private pushText(text: string): void {
    const start = this.length;
    const at = this.extend(text.length * 3);
    this.length = start + encode(text, at);
  }

  private grow(needed: i64): void {
    if (needed > 0x3fff0000) throw new RangeError("a buffer over 1 GiB");
    const grown = new ArrayBuffer(max<i32>(<i32>needed + (<i32>needed >> 2), 64));
    memory.copy(changetype<usize>(grown), this.at, min(this.length, this.block.byteLength));
    this.block = grown;
  }

  /** Escapes what has to be, from a place to the end, from the last byte to the first. */
  private escapeFrom(from: i32, escapes: i32): void {
    let read = this.length - 1;
    this.extend(escapes * 5); // six bytes for each, one of which is there
    let write = this.length - 1;
    const start = this.at;
    for (; read >= from; read--) {
      const byte = load<u8>(start + read);
      if (!needsEscape(byte)) {
        store<u8>(start + write--, byte);
        continue;
      }
      store<u8>(start + write--, hex(byte & 15));
      store<u8>(start + write--, hex(byte >> 4));
      write -= 4;
      store<u32>(start + write + 1, 0x3030755c); // \u00
    }
  }
}

function needsEscape(byte: u8): bool {
  return byte < 0x20 || byte == 0x22 || byte == 0x5c;
}

function hex(digit: u8): u8 {
  return digit < 10 ? 0x30 + digit : 0x57 + digit;
}
