// One record of a batch, read where it lies. There is one object for all records of an instance: it moves from entry to
// entry, so that a record that is kept costs no allocation. Fields are read when they are asked for.

import { Rejected } from './errors.js';
import { IN, INPUT_WORDS, NO_TIMESTAMP, NULL, long, wordsOf } from './packed/layout.js';

const { KEY, VALUE, HEADERS, TIMESTAMP, OFFSET, PARTITION, TOPIC } = IN;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const NONE = Object.freeze([]);

export class InputRecord {
  constructor() {
    this._words = new Uint32Array(INPUT_WORDS);
    this._data = new Uint8Array(0);
    this._at = 0;
    this._view = null;
    this._topic = null;
  }

  /** Moves to the first record of a batch. */
  _enter(index, data) {
    this._words = wordsOf(index);
    // The engine's arrays come from a realm of its own: their parts would not be `instanceof Uint8Array` to a plugin.
    this._data = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this._at = 0;
    this._view = null;
    this._topic = null;
  }

  get key() {
    const len = this._words[this._at + KEY + 1];
    if (len === NULL) return null;
    const start = this._words[this._at + KEY];
    return this._data.subarray(start, start + len);
  }

  get value() {
    const len = this._words[this._at + VALUE + 1];
    if (len === NULL) return null;
    const start = this._words[this._at + VALUE];
    return this._data.subarray(start, start + len);
  }

  get timestamp() {
    const low = this._words[this._at + TIMESTAMP];
    const high = this._words[this._at + TIMESTAMP + 1];
    return high === NO_TIMESTAMP && low === 0 ? null : long(low, high);
  }

  get headers() {
    let left = this._words[this._at + HEADERS + 1];
    if (left === 0) return NONE;
    const data = this._data;
    const view = this._dataView();
    const headers = [];
    let at = this._words[this._at + HEADERS];
    for (; left > 0; left--) {
      const value = at + 8 + view.getUint32(at, true);
      const len = view.getUint32(at + 4, true);
      const name = decoder.decode(data.subarray(at + 8, value));
      at = len === NULL ? value : value + len;
      headers.push([name, len === NULL ? null : data.subarray(value, at)]);
    }
    return headers;
  }

  get source() {
    const len = this._words[this._at + TOPIC + 1];
    if (len === NULL) return null;
    const words = this._words;
    return {
      topic: this._topicAt(words[this._at + TOPIC], len),
      partition: words[this._at + PARTITION] | 0,
      offset: long(words[this._at + OFFSET], words[this._at + OFFSET + 1]),
    };
  }

  text() {
    const len = this._words[this._at + VALUE + 1];
    if (len === NULL) return null;
    const start = this._words[this._at + VALUE];
    try {
      return decoder.decode(this._data.subarray(start, start + len));
    } catch {
      throw new Rejected('the value is not UTF-8');
    }
  }

  json() {
    const text = this.text();
    if (text === null) return undefined;
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Rejected(`the value is not JSON: ${error.message}`);
    }
  }

  keyText() {
    return decode(this.key, 'the key');
  }

  header(name) {
    const data = this._data;
    const view = this._dataView();
    const nameLen = lengthOf(name);
    let at = this._words[this._at + HEADERS];
    let found = null;
    for (let left = this._words[this._at + HEADERS + 1]; left > 0; left--) {
      const value = at + 8 + view.getUint32(at, true);
      const len = view.getUint32(at + 4, true);
      const end = len === NULL ? value : value + len;
      if (value - at - 8 === nameLen && decoder.decode(data.subarray(at + 8, value)) === name) {
        found = len === NULL ? null : data.subarray(value, end);
      }
      at = end;
    }
    return found;
  }

  headerText(name) {
    return decode(this.header(name), `the header ${name}`);
  }

  _dataView() {
    this._view ??= new DataView(this._data.buffer, this._data.byteOffset, this._data.byteLength);
    return this._view;
  }

  /** A topic's name is decoded once where the records of a batch share it. */
  _topicAt(start, len) {
    const last = this._topic;
    if (last !== null && last.start === start && last.len === len) return last.name;
    const name = decoder.decode(this._data.subarray(start, start + len));
    this._topic = { start, len, name };
    return name;
  }
}

/** Bytes of the names that headers are looked up by: there are few of them. */
const lengths = new Map();

function lengthOf(name) {
  let length = lengths.get(name);
  if (length === undefined) {
    length = new TextEncoder().encode(name).length;
    if (lengths.size < 1000) lengths.set(name, length);
  }
  return length;
}

function decode(bytes, what) {
  if (bytes === null) return null;
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Rejected(`${what} is not UTF-8`);
  }
}
