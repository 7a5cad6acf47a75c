// Writes verdicts in the order of their records. Its memory stays for the next batch.

import { Emit, Reject, Retry, drop, keep } from '../verdict.js';
import { CODE, INHERITED, NO_TIMESTAMP, NULL, OUT, RESULT_WORDS, high } from './layout.js';

const encoder = new TextEncoder();
const EMPTY = new Uint8Array(0);

export class ResultWriter {
  constructor() {
    this._verdicts = EMPTY;
    this._count = 0;
    this._words = new Uint32Array(0);
    this._entries = 0;
    this._data = EMPTY;
    this._view = new DataView(EMPTY.buffer);
    this._used = 0;
    /** Where the names of outputs lie that this batch has named: offset and length. */
    this._outputs = new Map();
  }

  /** Forgets the last batch and makes room for one of `count` records, all of them kept until something else is said. */
  start(count) {
    if (this._verdicts.length < count) this._verdicts = new Uint8Array(count);
    else this._verdicts.fill(CODE.KEEP, 0, count);
    this._count = count;
    this._entries = 0;
    this._used = 0;
    if (this._outputs.size > 0) this._outputs.clear();
  }

  /** The verdict on a record. After an error nothing of it is written. */
  push(record, verdict) {
    if (verdict === keep) return;
    const [entries, used] = [this._entries, this._used];
    try {
      this._verdicts[record] = this._write(record, verdict);
    } catch (error) {
      [this._entries, this._used] = [entries, used];
      this._outputs.clear();
      throw error;
    }
  }

  /** What the interface calls a `packed-result`, good until the next batch. */
  result() {
    return {
      verdicts: this._verdicts.subarray(0, this._count),
      index: new Uint8Array(this._words.buffer, 0, this._entries * RESULT_WORDS * 4),
      data: this._data.subarray(0, this._used),
    };
  }

  _write(record, verdict) {
    if (verdict === drop) return CODE.DROP;
    if (verdict instanceof Emit) {
      this._emit(record, verdict.changes);
      return CODE.EMIT;
    }
    if (verdict instanceof Reject) return this._reason(record, verdict.reason, CODE.REJECT);
    if (verdict instanceof Retry) return this._reason(record, verdict.reason, CODE.RETRY);
    if (!Array.isArray(verdict)) throw new TypeError(unknown(verdict));
    for (const one of verdict) {
      if (!(one instanceof Emit)) throw new TypeError('a list of verdicts may hold what emit() returns, and nothing else');
      this._emit(record, one.changes);
    }
    return CODE.EMIT;
  }

  _reason(record, reason, code) {
    const at = this._entry(record);
    this._text(reason, at + OUT.VALUE);
    return code;
  }

  _emit(record, changes) {
    const at = this._entry(record);
    const { to, key, value, headers, timestamp } = changes;
    if (to === undefined) this._words[at + OUT.OUTPUT + 1] = NULL;
    else this._output(to, at + OUT.OUTPUT);
    this._change(key, at + OUT.KEY, 'key');
    this._change(value, at + OUT.VALUE, 'value');
    if (headers === undefined) this._words[at + OUT.HEADERS + 1] = INHERITED;
    else this._headers(headers, at + OUT.HEADERS);
    if (timestamp === undefined) this._words[at + OUT.TIMESTAMP + 1] = NO_TIMESTAMP;
    else this._timestamp(timestamp, at + OUT.TIMESTAMP);
  }

  /** A new entry of zeroes but for the record's number: the place of its first word. */
  _entry(record) {
    const at = this._entries * RESULT_WORDS;
    if (this._words.length < at + RESULT_WORDS) {
      const words = new Uint32Array(Math.max(2 * this._words.length, 64 * RESULT_WORDS));
      words.set(this._words);
      this._words = words;
    }
    this._words.fill(0, at, at + RESULT_WORDS);
    this._words[at] = record;
    this._entries++;
    return at;
  }

  _output(name, at) {
    let place = this._outputs.get(name);
    if (place === undefined) {
      if (typeof name !== 'string') throw new TypeError('emit: to is the name of an output');
      this._text(name, at);
      place = [this._words[at], this._words[at + 1]];
      this._outputs.set(name, place);
    }
    this._words[at] = place[0];
    this._words[at + 1] = place[1];
  }

  _change(value, at, name) {
    if (typeof value === 'string') this._text(value, at);
    else if (value === undefined) this._words[at + 1] = INHERITED;
    else if (value === null) this._words[at + 1] = NULL;
    else this._bytes(value, at, name);
  }

  _text(text, at) {
    this._words[at] = this._used;
    this._words[at + 1] = this._append(text);
  }

  _bytes(bytes, at, name) {
    if (!(bytes instanceof Uint8Array)) throw new TypeError(`emit: ${name} is text, a Uint8Array or null`);
    this._words[at] = this._used;
    this._words[at + 1] = this._append(bytes);
  }

  _headers(headers, at) {
    if (!Array.isArray(headers)) throw new TypeError('emit: headers is a list of [name, value]');
    this._words[at] = this._used;
    this._words[at + 1] = headers.length;
    for (let n = 0; n < headers.length; n++) this._header(headers[n][0], headers[n][1]);
  }

  _header(name, value) {
    if (typeof name !== 'string') throw new TypeError('emit: the name of a header is text');
    if (value !== null && typeof value !== 'string' && !(value instanceof Uint8Array)) {
      throw new TypeError(`emit: the value of the header ${name} is text, a Uint8Array or null`);
    }
    const start = this._used;
    this._reserve(8);
    this._used += 8;
    const nameLen = this._append(name);
    const valueLen = value === null ? NULL : this._append(value);
    this._view.setUint32(start, nameLen, true);
    this._view.setUint32(start + 4, valueLen, true);
  }

  /** Appends text or bytes: how many bytes there are. */
  _append(value) {
    if (typeof value === 'string') return this._appendText(value);
    this._reserve(value.length);
    this._data.set(value, this._used);
    this._used += value.length;
    return value.length;
  }

  _appendText(text) {
    // No character takes more than three bytes for each of its units.
    this._reserve(3 * text.length);
    const { written } = encoder.encodeInto(text, this._data.subarray(this._used));
    this._used += written;
    return written;
  }

  _timestamp(timestamp, at) {
    if (typeof timestamp === 'bigint') {
      this._words[at] = Number(BigInt.asUintN(32, timestamp));
      this._words[at + 1] = Number(BigInt.asUintN(32, timestamp >> 32n));
      return;
    }
    if (!Number.isSafeInteger(timestamp)) throw new TypeError(`emit: timestamp is whole milliseconds, not ${timestamp}`);
    this._words[at] = timestamp;
    this._words[at + 1] = high(timestamp);
  }

  _reserve(more) {
    const needed = this._used + more;
    if (needed <= this._data.length) return;
    const data = new Uint8Array(Math.max(needed, 2 * this._data.length, 4096));
    data.set(this._data.subarray(0, this._used));
    this._data = data;
    this._view = new DataView(data.buffer);
  }
}

function unknown(verdict) {
  const found = typeof verdict?.then === 'function' ? 'a promise (nothing in a plugin can wait)' : typeof verdict;
  return `a plugin returns keep, drop, emit(..), a list of emit(..), reject(..) or retry(..), not ${found}`;
}
