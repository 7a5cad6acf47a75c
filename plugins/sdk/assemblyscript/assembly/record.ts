/** One record of a batch, read where it lies. */

import { Buffer } from "./buffer";
import { Bytes } from "./bytes";
import { Headers } from "./headers";
import { NO_TIMESTAMP, NULL } from "./packed";

/** One record as it comes in: a view into the batch, which reads a field when it is asked for it. */
export class Record {
  private entry: usize = 0;
  private data: usize = 0;
  private keyView: Bytes = new Bytes();
  private valueView: Bytes = new Bytes();
  private headersView: Headers = new Headers();
  private lookup: Headers = new Headers();
  private lookupName: Buffer = new Buffer();
  private sourceView: Source = new Source();

  /** Makes this the record of an entry. */
  set(entry: usize, data: usize): void {
    this.entry = entry;
    this.data = data;
  }

  /** The key; null where the record has none. Needs `Fields.KEY`. */
  get key(): Bytes | null {
    const length = load<u32>(this.entry, 4);
    return length == NULL ? null : this.keyView.set(this.data + load<u32>(this.entry), length);
  }

  /** The value; null is a tombstone, which is not the same as empty. Needs `Fields.VALUE`. */
  get value(): Bytes | null {
    const length = load<u32>(this.entry, 12);
    return length == NULL ? null : this.valueView.set(this.data + load<u32>(this.entry, 8), length);
  }

  /** The headers in their order, before the first of them. Needs `Fields.HEADERS`. */
  get headers(): Headers {
    return this.headersView.set(this.data + load<u32>(this.entry, 16), load<u32>(this.entry, 20));
  }

  /**
   * The value of the last header with this name, as Kafka's own clients look it up. Null where there is no such
   * header or its value is null; `headers` tells the two apart.
   */
  header(name: string): Bytes | null {
    const headers = this.lookup.set(this.data + load<u32>(this.entry, 16), load<u32>(this.entry, 20));
    if (headers.count == 0) return null;
    const wanted = this.lookupName.clear().push(name).bytes;
    let at: usize = 0;
    let length = 0;
    while (headers.next()) {
      if (!headers.name.equals(wanted)) continue;
      const value = headers.value;
      at = value === null ? 0 : value.at;
      length = value === null ? 0 : value.length;
    }
    return at == 0 ? null : new Bytes(at, length);
  }

  /** Whether the record has a timestamp. Needs `Fields.TIMESTAMP`. */
  get hasTimestamp(): bool {
    return this.timestamp != NO_TIMESTAMP;
  }

  /** Milliseconds since the epoch; `NO_TIMESTAMP` where the record has none. Needs `Fields.TIMESTAMP`. */
  get timestamp(): i64 {
    return load<i64>(this.entry, 24);
  }

  /** Where the record came from; null without `Fields.SOURCE`. */
  get source(): Source | null {
    const length = load<u32>(this.entry, 48);
    if (length == NULL) return null;
    this.sourceView.set(this.data + load<u32>(this.entry, 44), length, load<i32>(this.entry, 40), load<i64>(this.entry, 32));
    return this.sourceView;
  }
}

/** Where a record came from, in the pipeline's input. */
export class Source {
  /** The topic in UTF-8. */
  readonly topicBytes: Bytes = new Bytes();
  partition: i32 = 0;
  offset: i64 = 0;
  private known: Bytes = new Bytes();
  private knownText: string = "";

  set(topic: usize, length: i32, partition: i32, offset: i64): void {
    this.topicBytes.set(topic, length);
    this.partition = partition;
    this.offset = offset;
  }

  /** The topic: decoded once for records of one topic in a row. */
  get topic(): string {
    if (!this.known.equals(this.topicBytes)) {
      this.known = this.topicBytes.copy();
      this.knownText = this.topicBytes.toString();
    }
    return this.knownText;
  }
}
