/** A record that a plugin emits: what it changes, and what it inherits. */

import { answer } from "./answer";
import { Headers } from "./headers";
import { INHERITED, NO_TIMESTAMP, NULL } from "./packed";
import { Code, Verdict } from "./verdict";

/**
 * Starts a record to emit, which inherits everything that is not set: `emit().value("HELLO").header("by", "me")`.
 * It is good for the record that `process` was called with, and copies at once what it is given.
 */
export function emit(): Emit {
  return answer.nextEmit().start();
}

/** One record that a plugin emits. What it does not set, it inherits from the record that came in. */
export class Emit extends Verdict {
  record: u32 = 0;
  outputAt: u32 = 0;
  outputLength: u32 = NULL;
  keyAt: u32 = 0;
  keyLength: u32 = INHERITED;
  valueAt: u32 = 0;
  valueLength: u32 = INHERITED;
  headersAt: u32 = 0;
  headersEnd: u32 = 0;
  headersCount: u32 = INHERITED;
  milliseconds: i64 = NO_TIMESTAMP;

  constructor() {
    super(Code.EMIT);
  }

  /** Makes it one that inherits everything. */
  start(): this {
    this.record = answer.record;
    this.outputLength = NULL;
    this.keyLength = INHERITED;
    this.valueLength = INHERITED;
    this.headersCount = INHERITED;
    this.milliseconds = NO_TIMESTAMP;
    return this;
  }

  /**
   * Sends it to the named output, at once, past the rest of the chain. A name that the pipeline does not have makes
   * a dead letter of the record: ask `Stage.checkOutput` at start.
   */
  to(output: string): this {
    this.outputAt = answer.data.length;
    answer.data.push(output);
    this.outputLength = answer.data.length - this.outputAt;
    return this;
  }

  /** Sets the key: a string, `Bytes`, a `Buffer` or a `Uint8Array`. */
  key<T>(key: T): this {
    this.keyAt = answer.data.length;
    this.keyLength = put<T>(key);
    return this;
  }

  /** Sets the key to null. */
  nullKey(): this {
    this.keyLength = NULL;
    return this;
  }

  /** Sets the value: a string, `Bytes`, a `Buffer` or a `Uint8Array`. */
  value<T>(value: T): this {
    this.valueAt = answer.data.length;
    this.valueLength = put<T>(value);
    return this;
  }

  /** Sets the value to null: a tombstone. */
  nullValue(): this {
    this.valueLength = NULL;
    return this;
  }

  /**
   * Adds a header to those set so far. The first one set starts a new list: to keep what came in, say
   * `emit().headers(record.headers)` first (and have `Fields.HEADERS` in what the plugin needs).
   */
  header<N, V>(name: N, value: V): this {
    const lengths = this.startHeader();
    const nameLength = put<N>(name);
    this.endHeader(lengths, nameLength, put<V>(value));
    return this;
  }

  /** Adds a header whose value is null, see `header`. */
  nullHeader<N>(name: N): this {
    const lengths = this.startHeader();
    this.endHeader(lengths, put<N>(name), NULL);
    return this;
  }

  /** Adds headers as they came in to those set so far, see `header`. */
  headers(headers: Headers): this {
    this.continueHeaders();
    answer.data.push(headers.packed());
    this.headersCount += headers.count;
    this.headersEnd = answer.data.length;
    return this;
  }

  /** Starts an empty list of headers: what came in is not inherited. */
  noHeaders(): this {
    this.headersCount = 0;
    this.headersAt = this.headersEnd = answer.data.length;
    return this;
  }

  /** Sets the timestamp, in milliseconds since the epoch. */
  timestamp(milliseconds: i64): this {
    this.milliseconds = milliseconds;
    return this;
  }

  /** Headers lie one behind the other: if something has been put behind those there are, they are put behind it again. */
  private continueHeaders(): void {
    if (this.headersCount == INHERITED) this.noHeaders();
    const data = answer.data;
    if (this.headersEnd == data.length) return;
    const length = this.headersEnd - this.headersAt;
    const to = data.extend(length);
    memory.copy(to, data.at + this.headersAt, length);
    this.headersAt = data.length - length;
  }

  /** Makes room for the lengths of a header: where. */
  private startHeader(): i32 {
    this.continueHeaders();
    answer.data.pushWord(0).pushWord(0);
    return answer.data.length - 8;
  }

  private endHeader(lengths: i32, nameLength: u32, valueLength: u32): void {
    const at = answer.data.at + lengths;
    store<u32>(at, nameLength);
    store<u32>(at, valueLength, 4);
    this.headersCount++;
    this.headersEnd = answer.data.length;
  }
}

/** Appends bytes to the answer's data: their length as an entry has it. */
function put<T>(bytes: T): u32 {
  if (isInteger<T>()) ERROR("for null say nullKey(), nullValue() or nullHeader(name)"); // the type of a literal null
  if (isNullable<T>()) {
    if (changetype<usize>(bytes) == 0) return NULL;
  }
  const start = answer.data.length;
  answer.data.push(bytes);
  return answer.data.length - start;
}
