// One record of a batch, read where it lies. There is one object for all records: it moves from entry to entry, so that
// a record that is kept costs no allocation. Fields are read when they are asked for.

import { Rejected } from './errors.js';
import { IN, INPUT_WORDS, NO_TIMESTAMP, NULL, long, wordsOf } from './packed/layout.js';
import { keep } from './verdict.js';

const { KEY, VALUE, HEADERS, TIMESTAMP, OFFSET, PARTITION, TOPIC } = IN;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const NONE = Object.freeze([]);

// Where the records of the batch lie, and the entry of the one at hand. The state is that of the module, because a
// component has one plugin, and what it costs to reach a property without a compiler is ten times what a variable costs.

let words = new Uint32Array(INPUT_WORDS);
let data = new Uint8Array(0);
let entry = 0;
let view = null;
let lastTopic = null;

/** The records of a batch one by one: `process` judges each, `take` gets its verdict, `refuse` what it has thrown. */
export function judge(index, bytes, process, take, refuse) {
  const count = index.length / (4 * INPUT_WORDS);
  words = wordsOf(index);
  // The engine's arrays come from a realm of its own: their parts would not be `instanceof Uint8Array` to a plugin.
  data = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view = null;
  lastTopic = null;
  entry = 0;
  for (let n = 0; n < count; n++) {
    try {
      const verdict = process(inputRecord);
      if (verdict !== keep) take(n, verdict);
    } catch (error) {
      refuse(n, error);
    }
    entry += INPUT_WORDS;
  }
}

export const inputRecord = {
  get key() {
    const len = words[entry + KEY + 1];
    if (len === NULL) return null;
    const start = words[entry + KEY];
    return data.subarray(start, start + len);
  },

  get value() {
    const len = words[entry + VALUE + 1];
    if (len === NULL) return null;
    const start = words[entry + VALUE];
    return data.subarray(start, start + len);
  },

  get timestamp() {
    const low = words[entry + TIMESTAMP];
    const high = words[entry + TIMESTAMP + 1];
    return high === NO_TIMESTAMP && low === 0 ? null : long(low, high);
  },

  get headers() {
    let left = words[entry + HEADERS + 1];
    if (left === 0) return NONE;
    const bytes = dataView();
    const headers = [];
    let at = words[entry + HEADERS];
    for (; left > 0; left--) {
      const value = at + 8 + bytes.getUint32(at, true);
      const len = bytes.getUint32(at + 4, true);
      const name = decoder.decode(data.subarray(at + 8, value));
      at = len === NULL ? value : value + len;
      headers.push([name, len === NULL ? null : data.subarray(value, at)]);
    }
    return headers;
  },

  get source() {
    const len = words[entry + TOPIC + 1];
    if (len === NULL) return null;
    return {
      topic: topicAt(words[entry + TOPIC], len),
      partition: words[entry + PARTITION] | 0,
      offset: long(words[entry + OFFSET], words[entry + OFFSET + 1]),
    };
  },

  text() {
    const len = words[entry + VALUE + 1];
    if (len === NULL) return null;
    const start = words[entry + VALUE];
    try {
      return decoder.decode(data.subarray(start, start + len));
    } catch {
      throw new Rejected('the value is not UTF-8');
    }
  },

  json() {
    const len = words[entry + VALUE + 1];
    if (len === NULL) return undefined;
    const start = words[entry + VALUE];
    let json;
    try {
      json = decoder.decode(data.subarray(start, start + len)); // as `text` does, without its call
    } catch {
      throw new Rejected('the value is not UTF-8');
    }
    try {
      return JSON.parse(json);
    } catch (error) {
      throw new Rejected(`the value is not JSON: ${error.message}`);
    }
  },

  keyText() {
    return decode(this.key, 'the key');
  },

  header(name) {
    const bytes = dataView();
    const nameLen = lengthOf(name);
    let at = words[entry + HEADERS];
    let found = null;
    for (let left = words[entry + HEADERS + 1]; left > 0; left--) {
      const value = at + 8 + bytes.getUint32(at, true);
      const len = bytes.getUint32(at + 4, true);
      const end = len === NULL ? value : value + len;
      if (value - at - 8 === nameLen && decoder.decode(data.subarray(at + 8, value)) === name) {
        found = len === NULL ? null : data.subarray(value, end);
      }
      at = end;
    }
    return found;
  },

  headerText(name) {
    return decode(this.header(name), `the header ${name}`);
  },
};

function dataView() {
  view ??= new DataView(data.buffer, data.byteOffset, data.byteLength);
  return view;
}

/** A topic's name is decoded once where the records of a batch share it. */
function topicAt(start, len) {
  const last = lastTopic;
  if (last !== null && last.start === start && last.len === len) return last.name;
  const name = decoder.decode(data.subarray(start, start + len));
  lastTopic = { start, len, name };
  return name;
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
