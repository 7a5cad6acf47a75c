// Reads the verdicts on a batch, checking what the interface promises: for tests.

import { CODE, INHERITED, NO_TIMESTAMP, NULL, OUT, RESULT_WORDS, long, wordsOf } from './layout.js';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const NAMES = ['keep', 'drop', 'emit', 'reject', 'retry'];

/** One object for each record: `{ verdict, emitted?, reason? }`. Bytes are read as text where they are UTF-8. */
export function readResult(records, { verdicts, index, data }) {
  check(verdicts.length === records, 'there is not one verdict for each record');
  check(index.length % (4 * RESULT_WORDS) === 0, 'the index does not hold whole entries');
  const words = wordsOf(index);
  let at = 0;
  const read = Array.from(verdicts, (code, record) => {
    const own = [];
    for (; at < words.length && words[at] === record; at += RESULT_WORDS) own.push(words.subarray(at, at + RESULT_WORDS));
    return readVerdict(code, own, data);
  });
  check(at === words.length, 'an entry is out of order, or of a record that the batch does not have');
  return read;
}

function readVerdict(code, own, data) {
  const verdict = NAMES[code];
  check(verdict !== undefined, 'a verdict is none of keep, drop, emit, reject and retry');
  if (code === CODE.EMIT) return { verdict, emitted: own.map((entry) => readEmit(entry, data)) };
  if (code === CODE.KEEP || code === CODE.DROP) {
    check(own.length === 0, 'a keep or drop has entries');
    return { verdict };
  }
  check(own.length === 1, 'a reject or retry has not exactly one entry');
  return { verdict, reason: decoder.decode(slice(data, own[0][OUT.VALUE], own[0][OUT.VALUE + 1])) };
}

/** Only what is set is in it. */
function readEmit(entry, data) {
  const emitted = {};
  if (entry[OUT.OUTPUT + 1] !== NULL) emitted.to = decoder.decode(slice(data, entry[OUT.OUTPUT], entry[OUT.OUTPUT + 1]));
  for (const [name, at] of [['key', OUT.KEY], ['value', OUT.VALUE]]) {
    if (entry[at + 1] !== INHERITED) emitted[name] = bytesOf(data, entry[at], entry[at + 1]);
  }
  if (entry[OUT.HEADERS + 1] !== INHERITED) emitted.headers = readHeaders(data, entry[OUT.HEADERS], entry[OUT.HEADERS + 1]);
  const [low, high] = entry.subarray(OUT.TIMESTAMP);
  if (low !== 0 || high !== NO_TIMESTAMP) emitted.timestamp = long(low, high);
  return emitted;
}

function readHeaders(data, start, count) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const headers = [];
  for (let at = start; count > 0; count--) {
    const [nameLen, valueLen] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    const name = decoder.decode(slice(data, at + 8, nameLen));
    headers.push([name, bytesOf(data, at + 8 + nameLen, valueLen)]);
    at += 8 + nameLen + (valueLen === NULL ? 0 : valueLen);
  }
  return headers;
}

function bytesOf(data, at, len) {
  if (len === NULL) return null;
  const bytes = slice(data, at, len);
  try {
    return decoder.decode(bytes);
  } catch {
    return bytes.slice();
  }
}

function slice(data, at, len) {
  check(at + len <= data.length, 'a field reaches past the end of data');
  return data.subarray(at, at + len);
}

function check(right, otherwise) {
  if (!right) throw new Error(`the answer breaks the interface: ${otherwise}`);
}
