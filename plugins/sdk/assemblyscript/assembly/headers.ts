/** The headers of a record. */

import { Bytes } from "./bytes";
import { NULL } from "./packed";

/**
 * The headers of a record, in their order: `while (headers.next()) { headers.name; headers.value }`. Names may repeat,
 * a value may be null. Good until `process` returns.
 */
export class Headers {
  /** The name of the header that `next` went to. */
  readonly name: Bytes = new Bytes();
  private present: Bytes = new Bytes();
  private isNull: bool = true;
  private start: usize = 0;
  private end: usize = 0;
  private left: u32 = 0;
  /** How many there are. */
  count: i32 = 0;

  /** The headers that lie at an address. */
  set(at: usize, count: u32): this {
    this.start = at;
    this.count = count;
    return this.rewind();
  }

  /** Goes back before the first. */
  rewind(): this {
    this.end = this.start;
    this.left = this.count;
    return this;
  }

  /** Goes to the next header; false behind the last. */
  next(): bool {
    if (this.left == 0) return false;
    this.left--;
    const nameLength = load<u32>(this.end);
    const valueLength = load<u32>(this.end, 4);
    const name = this.end + 8;
    this.name.set(name, nameLength);
    this.isNull = valueLength == NULL;
    const length = this.isNull ? 0 : valueLength;
    this.present.set(name + nameLength, length);
    this.end = name + nameLength + length;
    return true;
  }

  /** The value of the header that `next` went to. */
  get value(): Bytes | null {
    return this.isNull ? null : this.present;
  }

  /** All of them as they lie in the batch. */
  packed(): Bytes {
    while (this.next());
    const packed = new Bytes(this.start, <i32>(this.end - this.start));
    this.rewind();
    return packed;
  }
}
