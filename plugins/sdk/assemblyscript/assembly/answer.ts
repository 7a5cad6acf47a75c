/** The verdicts on a batch in packed form, written to memory that stays for the next batch. */

import { Buffer } from "./buffer";
import { Emit } from "./emit";
import { INHERITED, NO_TIMESTAMP, NULL, RESULT_ENTRY } from "./packed";
import { Code, EmitAll, Refusal, Verdict } from "./verdict";

/** What a verdict that is kept for another record runs into. */
const STALE = "a verdict is good for the record that it was made for: make a new one";

/** What a component answers to `process`. */
export class Answer {
  /** One byte for each record. */
  readonly verdicts: Buffer = new Buffer();
  /** The entries of emitted records and reasons. */
  readonly index: Buffer = new Buffer();
  /** What the entries point to. */
  readonly data: Buffer = new Buffer();
  /** A number for the record that is being judged, other than those of the records before. */
  record: u32 = 0;

  private first: u32 = 0;
  private emits: Emit[] = [];
  private emitsUsed: i32 = 0;

  /** Forgets the last batch: all records of this one are kept, until something else is said of them. */
  start(records: i32): void {
    this.index.clear();
    this.data.clear();
    this.first = ++this.record;
    this.emitsUsed = 0;
    const at = this.verdicts.clear().extend(records);
    memory.fill(at, <u8>Code.KEEP, records);
  }

  /** Goes to the next record. */
  next(): void {
    this.record++;
    this.emitsUsed = 0;
  }

  /** An emit that is not in use. */
  nextEmit(): Emit {
    if (this.emitsUsed == this.emits.length) this.emits.push(new Emit());
    return unchecked(this.emits[this.emitsUsed++]);
  }

  /** Writes down what a plugin says of the record. */
  push(verdict: Verdict): void {
    let code = verdict.code;
    if (code == Code.EMIT) {
      this.pushEmit(<Emit>verdict);
    } else if (code == Code.EMIT_ALL) {
      const emits = (<EmitAll>verdict).emits;
      for (let n = 0; n < emits.length; n++) this.pushEmit(emits[n]);
      code = Code.EMIT;
    } else if (code == Code.REJECT || code == Code.RETRY) {
      this.pushRefusal(<Refusal>verdict);
    }
    store<u8>(this.verdicts.at + (this.record - this.first), <u8>code);
  }

  private pushEmit(emit: Emit): void {
    if (emit.record != this.record) throw new Error(STALE);
    const entry = this.index.extend(RESULT_ENTRY);
    store<u32>(entry, this.record - this.first);
    store<u32>(entry, emit.outputAt, 4);
    store<u32>(entry, emit.outputLength, 8);
    store<u32>(entry, emit.keyAt, 12);
    store<u32>(entry, emit.keyLength, 16);
    store<u32>(entry, emit.valueAt, 20);
    store<u32>(entry, emit.valueLength, 24);
    store<u32>(entry, emit.headersAt, 28);
    store<u32>(entry, emit.headersCount, 32);
    store<u32>(entry, 0, 36);
    store<i64>(entry, emit.milliseconds, 40);
  }

  private pushRefusal(refusal: Refusal): void {
    if (refusal.record != this.record) throw new Error(STALE);
    const entry = this.index.extend(RESULT_ENTRY);
    memory.fill(entry, 0, RESULT_ENTRY);
    store<u32>(entry, this.record - this.first);
    store<u32>(entry, NULL, 8);
    store<u32>(entry, INHERITED, 16);
    store<u32>(entry, refusal.at, 20);
    store<u32>(entry, refusal.length, 24);
    store<u32>(entry, INHERITED, 32);
    store<i64>(entry, NO_TIMESTAMP, 40);
  }
}

/** The answer that is being written. */
export const answer = new Answer();
