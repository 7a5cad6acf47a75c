// Writes verdicts in the order of their records. Its memory stays for the next batch. What is written here for every
// record avoids what is slow without a compiler: iterators, closures, and calls that a longer function can do
// without.

import { drop, keep } from '../verdict.js';
import { CODE, INHERITED, NO_TIMESTAMP, NULL, OUT, RESULT_WORDS, high } from './layout.js';

const { OUTPUT, KEY, VALUE, HEADERS, TIMESTAMP } = OUT;
const { KEEP, EMIT, REJECT, RETRY } = CODE;
const encoder = new TextEncoder();
const EMPTY = new Uint8Array(0);

/** An entry that inherits everything and goes on to the next stage. */
const INHERITING = new Uint32Array(RESULT_WORDS);
INHERITING[OUTPUT + 1] = NULL;
INHERITING[KEY + 1] = INHERITED;
INHERITING[VALUE + 1] = INHERITED;
INHERITING[HEADERS + 1] = INHERITED;
INHERITING[TIMESTAMP + 1] = NO_TIMESTAMP;

export class ResultWriter {
  constructor() {
    this._verdicts = EMPTY;
    this._count = 0;
    this._words = new Uint32Array(0);
    /** Words of the index that are in use, and bytes of the data. */
    this._end = 0;
    this._used = 0;
    /** As much of both as belongs to verdicts that are complete. */
    this._sureEnd = 0;
    this._sureUsed = 0;
    this._data = EMPTY;
    this._view = new DataView(EMPTY.buffer);
    /** Where the names of outputs lie that this batch has named: offset and length. */
    this._outputs = new Map();
  }

  /** Forgets the last batch and makes room for one of `count` records, all of them kept until something else is said. */
  start(count) {
    if (this._verdicts.length < count) this._verdicts = new Uint8Array(count);
    else this._verdicts.fill(KEEP, 0, count);
    this._count = count;
    this._end = this._used = this._sureEnd = this._sureUsed = 0;
    this._outputs.clear();
  }

  /** The verdict on a record. After an error, say another with `refuse`. */
  push(record, verdict) {
    const code = verdict?.code;
    if (code === EMIT) this._emit(record, verdict.changes);
    else if (code === REJECT || code === RETRY) this._reason(record, verdict.reason);
    else if (Array.isArray(verdict)) this._emitAll(record, verdict);
    else if (verdict !== drop && verdict !== keep) throw new TypeError(noVerdict(verdict));
    this._verdicts[record] = code ?? EMIT;
    this._sureEnd = this._end;
    this._sureUsed = this._used;
  }

  /** Rejects a record whose verdict there is none of, or could not be written. */
  refuse(record, reason) {
    this._end = this._sureEnd;
    this._used = this._sureUsed;
    this._outputs.clear();
    this._reason(record, reason);
    this._verdicts[record] = REJECT;
    this._sureEnd = this._end;
    this._sureUsed = this._used;
  }

  /** What the interface calls a `packed-result`, good until the next batch. */
  result() {
    return {
      verdicts: this._verdicts.subarray(0, this._count),
      index: new Uint8Array(this._words.buffer, 0, 4 * this._end),
      data: this._data.subarray(0, this._used),
    };
  }

  _reason(record, reason) {
    this._text(reason, this._entry(record) + VALUE);
  }

  _emitAll(record, verdicts) {
    for (const verdict of verdicts) {
      if (verdict?.code !== EMIT) throw new TypeError('a list may hold what emit() returns, and nothing else');
      this._emit(record, verdict.changes);
    }
  }

  _emit(record, changes) {
    const at = this._entry(record);
    const { to, key, value, headers, timestamp } = changes;
    if (to !== undefined) this._output(to, at + OUTPUT);
    if (key !== undefined) this._change(key, at + KEY, 'key');
    if (value !== undefined) this._change(value, at + VALUE, 'value');
    if (headers !== undefined) this._headers(headers, at + HEADERS);
    if (timestamp !== undefined) this._timestamp(timestamp, at + TIMESTAMP);
  }

  /** A new entry, which inherits everything: the place of its first word. */
  _entry(record) {
    const at = this._end;
    this._end = at + RESULT_WORDS;
    if (this._words.length < this._end) this._growWords();
    this._words.set(INHERITING, at);
    this._words[at] = record;
    return at;
  }

  _growWords() {
    const words = new Uint32Array(Math.max(2 * this._words.length, 64 * RESULT_WORDS));
    words.set(this._words);
    this._words = words;
  }

  _output(name, at) {
    let place = this._outputs.get(name);
    if (place === undefined) {
      if (typeof name !== 'string') throw new TypeError('emit: to is the name of an output');
      place = { start: this._used, len: this._append(name) };
      this._outputs.set(name, place);
    }
    this._words[at] = place.start;
    this._words[at + 1] = place.len;
  }

  _change(value, at, name) {
    if (typeof value === 'string') return this._text(value, at);
    if (value === null) {
      this._words[at + 1] = NULL;
      return;
    }
    if (!(value instanceof Uint8Array)) throw new TypeError(`emit: ${name} is text, a Uint8Array or null`);
    this._words[at] = this._used;
    this._words[at + 1] = this._append(value);
  }

  _text(text, at) {
    this._words[at] = this._used;
    this._words[at + 1] = this._appendText(text);
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
    this._used = start + 8;
    const nameLen = this._appendText(name);
    const valueLen = value === null ? NULL : this._append(value);
    this._view.setUint32(start, nameLen, true);
    this._view.setUint32(start + 4, valueLen, true);
  }

  /** Appends text or bytes: how many bytes there are. */
  _append(value) {
    if (typeof value === 'string') return this._appendText(value);
    const len = value.length;
    this._reserve(len);
    this._data.set(value, this._used);
    this._used += len;
    return len;
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

function noVerdict(verdict) {
  const found = typeof verdict?.then === 'function' ? 'a promise (nothing in a plugin can wait)' : typeof verdict;
  return `a plugin returns keep, drop, emit(..), a list of emit(..), reject(..) or retry(..), not ${found}`;
}
