// The packed form of a batch and of the verdicts on it, as `wit/sluicebox.wit` lays it down. Entries are read and
// written as words of 4 bytes: places in them count words. WebAssembly is little endian, as the form is.

/** Words of an entry in the index of a batch, and where its fields are. A field of bytes is an offset and a length. */
export const INPUT_WORDS = 14;
export const IN = { KEY: 0, VALUE: 2, HEADERS: 4, TIMESTAMP: 6, OFFSET: 8, PARTITION: 10, TOPIC: 11 };

/** Words of an entry in the index of a result, and where its fields are. */
export const RESULT_WORDS = 12;
export const OUT = { RECORD: 0, OUTPUT: 1, KEY: 3, VALUE: 5, HEADERS: 7, TIMESTAMP: 10 };

/** A length that means null, and a length or count that means inherited. */
export const NULL = 0xffffffff;
export const INHERITED = 0xfffffffe;

/** The upper word of the timestamp that means none or inherited; the lower one is 0. */
export const NO_TIMESTAMP = 0x80000000;

/** What a byte of the verdicts says. */
export const CODE = { KEEP: 0, DROP: 1, EMIT: 2, REJECT: 3, RETRY: 4 };

const HIGH = 0x100000000;

/** The signed number of 8 bytes from its two words: exact up to 2^53. */
export function long(low, high) {
  return (high | 0) * HIGH + low;
}

/** The upper word of a number of 8 bytes; the lower one is what a `Uint32Array` makes of the number. */
export function high(number) {
  return Math.floor(number / HIGH);
}

/** The words of an index. */
export function wordsOf(bytes) {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}
