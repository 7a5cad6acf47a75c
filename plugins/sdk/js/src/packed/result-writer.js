// Writes verdicts in the order of their records. Its memory stays for the next batch. What is written here for every
// record avoids what is slow without a compiler: iterators, closures, calls of functions that a longer function can do
// without, and calls into the engine that many records can share.

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

/** Characters that wait at most before they are encoded: until then they are in memory twice. */
const MOST_WAITING = 65536;

export class ResultWriter {
  constructor() {
    this._verdicts = EMPTY;
    this._count = 0;
    /** The index, and an empty one of the same size: entries that are not in use inherit everything. */
    this._words = new Uint32Array(0);
    this._unused = this._words;
    this._data = EMPTY;
    this._view = new DataView(EMPTY.buffer);
    /** Words of the index that are in use, and bytes of the data: those of the text that waits among them. */
    this._end = 0;
    this._used = 0;
    /**
     * Text that waits to be encoded, of many records in one go, the byte that it begins at, and the first entry that
     * has any of it. Entries are written as if it were ASCII, and corrected where it is not.
     */
    this._waiting = '';
    this._waitingAt = 0;
    this._waitingEntry = 0;
    /** Where the names of outputs lie that this batch has named: offset and length. */
    this._outputs = new Map();
  }

  /** Forgets the last batch and makes room for one of `count` records, all of them kept until something else is said. */
  start(count) {
    if (this._verdicts.length < count) this._verdicts = new Uint8Array(count);
    else this._verdicts.fill(KEEP, 0, count);
    this._count = count;
    this._clearFrom(0);
    this._used = 0;
    this._waiting = '';
    this._outputs.clear();
  }

  /** The verdict on a record. After an error, say another with `refuse`. */
  push(record, verdict) {
    const code = verdict?.code;
    if (code === EMIT) this._emit(record, verdict.changes);
    else if (code === REJECT || code === RETRY) this._text(verdict.reason, this._entry(record) + VALUE);
    else if (Array.isArray(verdict)) this._emitAll(record, verdict);
    else if (verdict !== drop && verdict !== keep) throw new TypeError(noVerdict(verdict));
    this._verdicts[record] = code ?? EMIT;
  }

  /** Rejects a record whose verdict there is none of, or could not be written. */
  refuse(record, reason) {
    let end = this._end;
    while (end > 0 && this._words[end - RESULT_WORDS] === record) end -= RESULT_WORDS;
    this._clearFrom(end);
    this._text(reason, this._entry(record) + VALUE);
    this._verdicts[record] = REJECT;
  }

  /** What the interface calls a `packed-result`, good until the next batch. */
  result() {
    this._encodeWaiting();
    return {
      verdicts: this._verdicts.subarray(0, this._count),
      index: new Uint8Array(this._words.buffer, 0, 4 * this._end),
      data: this._data.subarray(0, this._used),
    };
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
    if (typeof value === 'string') this._text(value, at + VALUE);
    else if (value !== undefined) this._change(value, at + VALUE, 'value');
    if (headers !== undefined) this._headers(headers, at + HEADERS);
    if (timestamp !== undefined) this._timestamp(timestamp, at + TIMESTAMP);
  }

  /** A new entry, which inherits everything: the place of its first word. */
  _entry(record) {
    const at = this._end;
    this._end = at + RESULT_WORDS;
    if (this._words.length < this._end) this._growWords();
    this._words[at] = record;
    return at;
  }

  _growWords() {
    const written = this._words;
    this._unused = new Uint32Array(Math.max(2 * written.length, 64 * RESULT_WORDS));
    for (let at = 0; at < this._unused.length; at += RESULT_WORDS) this._unused.set(INHERITING, at);
    this._words = this._unused.slice();
    this._words.set(written);
  }

  /** Gives back the entries from this word on. */
  _clearFrom(at) {
    if (at < this._end) this._words.set(this._unused.subarray(at, this._end), at);
    this._end = at;
  }

  _output(name, at) {
    let place = this._outputs.get(name);
    if (place === undefined) {
      if (typeof name !== 'string') throw new TypeError('emit: to is the name of an output');
      this._encodeWaiting();
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
    this._encodeWaiting();
    this._words[at] = this._used;
    this._words[at + 1] = this._append(value);
  }

  /** Takes the text of a key, a value or a reason, whose place is written at this word of the index. */
  _text(text, at) {
    if (this._used - this._waitingAt > MOST_WAITING) this._encodeWaiting();
    if (this._waiting === '') {
      this._waitingAt = this._used;
      this._waitingEntry = at - (at % RESULT_WORDS);
    }
    const words = this._words;
    words[at] = this._used;
    words[at + 1] = text.length;
    this._used += text.length;
    this._waiting += text;
  }

  /** Has all data in bytes. It comes before anything is appended that does not wait. */
  _encodeWaiting() {
    const text = this._waiting;
    if (text === '') return;
    this._waiting = '';
    this._reserve(0);
    const { read } = encoder.encodeInto(text, this._data.subarray(this._waitingAt, this._used));
    // Into as many bytes as it has characters, all of it goes where it is ASCII, and only then.
    if (read < text.length) this._encodeEach(text);
  }

  /** The same for text that is not ASCII: the place of each part of it is known when those before it are encoded. */
  _encodeEach(text) {
    const first = this._waitingAt;
    this._used = first;
    for (let entry = this._waitingEntry; entry < this._end; entry += RESULT_WORDS) {
      for (const at of [entry + KEY, entry + VALUE]) {
        const [start, len] = [this._words[at] - first, this._words[at + 1]];
        if (len === NULL || len === INHERITED || start < 0) continue;
        this._words[at] = this._used;
        this._words[at + 1] = this._appendText(text.slice(start, start + len));
      }
    }
  }

  _headers(headers, at) {
    if (!Array.isArray(headers)) throw new TypeError('emit: headers is a list of [name, value]');
    this._encodeWaiting();
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
