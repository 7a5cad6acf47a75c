// Writes a batch as the host does: for tests.

import { IN, INPUT_WORDS, NULL, high } from './layout.js';

const encoder = new TextEncoder();

/** The batch with these messages, with those of their fields that are needed. */
export function writeBatch(messages, needs) {
  const words = new Uint32Array(messages.length * INPUT_WORDS);
  const data = [];
  messages.forEach((message, n) => writeEntry(words.subarray(n * INPUT_WORDS), data, message, needs));
  return { index: new Uint8Array(words.buffer), data: Uint8Array.from(data) };
}

function writeEntry(entry, data, message, needs) {
  const { key = null, value = null, headers = [], timestamp = null } = message;
  writeBytes(entry, IN.KEY, data, needs.key ? key : null);
  writeBytes(entry, IN.VALUE, data, needs.value ? value : null);
  entry[IN.HEADERS] = data.length;
  entry[IN.HEADERS + 1] = needs.headers ? headers.length : 0;
  if (needs.headers) headers.forEach(([name, value]) => writeHeader(data, name, value));
  const time = needs.timestamp ? timestamp : null;
  writeLong(entry, IN.TIMESTAMP, time === null ? -(2 ** 63) : time);
  writeBytes(entry, IN.TOPIC, data, needs.source ? (message.topic ?? 'test') : null);
  writeLong(entry, IN.OFFSET, needs.source ? (message.offset ?? 0) : -1);
  entry[IN.PARTITION] = needs.source ? (message.partition ?? 0) : -1;
}

function writeHeader(data, name, value) {
  const [nameBytes, valueBytes] = [bytesOf(name), bytesOf(value)];
  const lengths = Uint32Array.of(nameBytes.length, valueBytes === null ? NULL : valueBytes.length);
  data.push(...new Uint8Array(lengths.buffer), ...nameBytes, ...(valueBytes ?? []));
}

function writeBytes(entry, at, data, value) {
  const bytes = bytesOf(value);
  entry[at] = bytes === null ? 0 : data.length;
  entry[at + 1] = bytes === null ? NULL : bytes.length;
  if (bytes !== null) data.push(...bytes);
}

function writeLong(entry, at, number) {
  entry[at] = number;
  entry[at + 1] = high(number);
}

function bytesOf(value) {
  return typeof value === 'string' ? encoder.encode(value) : value;
}
