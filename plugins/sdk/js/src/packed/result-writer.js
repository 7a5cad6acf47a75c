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
const MOST_WAITING = 16384;

/** Texts that are encoded by themselves, at least and at most, after some that were not ASCII. */
const LEAST_AT_ONCE = 256;
const MOST_AT_ONCE = 65536;

// The state is that of the module, because a component has one plugin, and what it costs to reach a property without a
// compiler is ten times what a variable costs.

let verdicts = EMPTY;
let records = 0;
/** The index, and an empty one of the same size: entries that are not in use inherit everything. */
let words = new Uint32Array(0);
let unused = words;
let data = EMPTY;
let view = new DataView(EMPTY.buffer);
/** Words of the index that are in use, and bytes of the data: those of the text that waits among them. */
let end = 0;
let used = 0;
/**
 * Text that waits to be encoded, of many records in one go, the byte that it begins at, and the first entry that has
 * any of it. Entries are written as if it were ASCII, and corrected where it is not.
 */
let waiting = '';
let waitingAt = 0;
let waitingEntry = 0;
/** How many texts do not wait from now on, and how many after those if the next that wait are not ASCII either. */
let atOnce = 0;
let nextAtOnce = LEAST_AT_ONCE;
/** Where the names of outputs lie that this batch has named: offset and length. */
const outputs = new Map();

/** Forgets the last batch and makes room for one of `count` records, all of them kept until something else is said. */
export function start(count) {
  if (verdicts.length < count) verdicts = new Uint8Array(count);
  else verdicts.fill(KEEP, 0, count);
  records = count;
  clearFrom(0);
  used = 0;
  waiting = '';
  outputs.clear();
}

/** The verdict on a record. After an error, say another with `refuse`. */
export function push(record, verdict) {
  const code = verdict?.code;
  if (code === EMIT) emit(record, verdict.changes);
  else if (code === REJECT || code === RETRY) writeText(verdict.reason, newEntry(record) + VALUE);
  else if (Array.isArray(verdict)) emitAll(record, verdict);
  else if (verdict !== drop && verdict !== keep) throw new TypeError(noVerdict(verdict));
  verdicts[record] = code ?? EMIT;
}

/** Rejects a record whose verdict there is none of, or could not be written. */
export function refuse(record, reason) {
  let own = end;
  while (own > 0 && words[own - RESULT_WORDS] === record) own -= RESULT_WORDS;
  clearFrom(own);
  writeText(reason, newEntry(record) + VALUE);
  verdicts[record] = REJECT;
}

/** What the interface calls a `packed-result`, good until the next batch. */
export function result() {
  encodeWaiting();
  return {
    verdicts: verdicts.subarray(0, records),
    index: new Uint8Array(words.buffer, 0, 4 * end),
    data: data.subarray(0, used),
  };
}

function emitAll(record, verdicts) {
  for (const verdict of verdicts) {
    if (verdict?.code !== EMIT) throw new TypeError('a list may hold what emit() returns, and nothing else');
    emit(record, verdict.changes);
  }
}

function emit(record, changes) {
  const at = end; // as `newEntry` does it
  end = at + RESULT_WORDS;
  if (words.length < end) growWords();
  words[at] = record;
  const { to, key, value, headers, timestamp } = changes;
  if (to !== undefined) writeOutput(to, at + OUTPUT);
  if (key !== undefined) writeChange(key, at + KEY, 'key');
  if (typeof value === 'string' && waiting !== '' && used - waitingAt <= MOST_WAITING) {
    words[at + VALUE] = used; // as `writeText` does, without its call
    words[at + VALUE + 1] = value.length;
    used += value.length;
    waiting += value;
  } else if (value !== undefined) writeChange(value, at + VALUE, 'value');
  if (headers !== undefined) writeHeaders(headers, at + HEADERS);
  if (timestamp !== undefined) writeTimestamp(timestamp, at + TIMESTAMP);
}

/** A new entry, which inherits everything: the place of its first word. */
function newEntry(record) {
  const at = end;
  end = at + RESULT_WORDS;
  if (words.length < end) growWords();
  words[at] = record;
  return at;
}

function growWords() {
  const written = words;
  unused = new Uint32Array(Math.max(2 * written.length, 64 * RESULT_WORDS));
  for (let at = 0; at < unused.length; at += RESULT_WORDS) unused.set(INHERITING, at);
  words = unused.slice();
  words.set(written);
}

/** Gives back the entries from this word on. */
function clearFrom(at) {
  if (at < end) words.set(unused.subarray(at, end), at);
  end = at;
}

function writeOutput(name, at) {
  let place = outputs.get(name);
  if (place === undefined) {
    if (typeof name !== 'string') throw new TypeError('emit: to is the name of an output');
    encodeWaiting();
    place = { start: used, len: append(name) };
    outputs.set(name, place);
  }
  words[at] = place.start;
  words[at + 1] = place.len;
}

function writeChange(value, at, name) {
  if (typeof value === 'string') return writeText(value, at);
  if (value === null) {
    words[at + 1] = NULL;
    return;
  }
  if (!(value instanceof Uint8Array)) throw new TypeError(`emit: ${name} is text, a Uint8Array or null`);
  encodeWaiting();
  words[at] = used;
  words[at + 1] = append(value);
}

/** Takes the text of a key, a value or a reason, whose place is written at this word of the index. */
function writeText(text, at) {
  if (used - waitingAt > MOST_WAITING) encodeWaiting();
  if (atOnce > 0) {
    atOnce -= 1;
    words[at] = used;
    words[at + 1] = appendText(text);
    return;
  }
  if (waiting === '') {
    waitingAt = used;
    waitingEntry = at - (at % RESULT_WORDS);
  }
  words[at] = used;
  words[at + 1] = text.length;
  used += text.length;
  waiting += text;
}

/** Has all data in bytes. It comes before anything is appended that does not wait. */
function encodeWaiting() {
  const text = waiting;
  if (text === '') return;
  waiting = '';
  reserve(0);
  const { read } = encoder.encodeInto(text, data.subarray(waitingAt, used));
  // Into as many bytes as it has characters, all of it goes where it is ASCII, and only then.
  if (read === text.length) {
    nextAtOnce = LEAST_AT_ONCE;
    return;
  }
  atOnce = nextAtOnce;
  nextAtOnce = Math.min(2 * nextAtOnce, MOST_AT_ONCE);
  used = waitingAt;
  for (let entry = waitingEntry; entry < end; entry += RESULT_WORDS) {
    encodeAgain(text, entry + KEY);
    encodeAgain(text, entry + VALUE);
  }
}

/** A part of text that is not ASCII: its place is known when the parts before it are encoded. */
function encodeAgain(text, at) {
  const start = words[at] - waitingAt;
  const len = words[at + 1];
  if (len === NULL || len === INHERITED || start < 0) return;
  words[at] = used;
  words[at + 1] = appendText(text.slice(start, start + len));
}

function writeHeaders(headers, at) {
  if (!Array.isArray(headers)) throw new TypeError('emit: headers is a list of [name, value]');
  encodeWaiting();
  words[at] = used;
  words[at + 1] = headers.length;
  for (let n = 0; n < headers.length; n++) writeHeader(headers[n][0], headers[n][1]);
}

function writeHeader(name, value) {
  if (typeof name !== 'string') throw new TypeError('emit: the name of a header is text');
  if (value !== null && typeof value !== 'string' && !(value instanceof Uint8Array)) {
    throw new TypeError(`emit: the value of the header ${name} is text, a Uint8Array or null`);
  }
  const at = used;
  reserve(8);
  used = at + 8;
  const nameLen = appendText(name);
  const valueLen = value === null ? NULL : append(value);
  view.setUint32(at, nameLen, true);
  view.setUint32(at + 4, valueLen, true);
}

/** Appends text or bytes: how many bytes there are. */
function append(value) {
  if (typeof value === 'string') return appendText(value);
  const len = value.length;
  reserve(len);
  data.set(value, used);
  used += len;
  return len;
}

function appendText(text) {
  // No character takes more than three bytes for each of its units.
  reserve(3 * text.length);
  const { written } = encoder.encodeInto(text, data.subarray(used));
  used += written;
  return written;
}

function writeTimestamp(timestamp, at) {
  if (typeof timestamp === 'bigint') {
    words[at] = Number(BigInt.asUintN(32, timestamp));
    words[at + 1] = Number(BigInt.asUintN(32, timestamp >> 32n));
    return;
  }
  if (!Number.isSafeInteger(timestamp)) throw new TypeError(`emit: timestamp is whole milliseconds, not ${timestamp}`);
  words[at] = timestamp;
  words[at + 1] = high(timestamp);
}

function reserve(more) {
  const needed = used + more;
  if (needed <= data.length) return;
  const written = data.subarray(0, used);
  data = new Uint8Array(Math.max(needed, 2 * data.length, 4096));
  data.set(written);
  view = new DataView(data.buffer);
}

function noVerdict(verdict) {
  const found = typeof verdict?.then === 'function' ? 'a promise (nothing in a plugin can wait)' : typeof verdict;
  return `a plugin returns keep, drop, emit(..), a list of emit(..), reject(..) or retry(..), not ${found}`;
}
