// What a plugin says of a record. Its `code` is what the packed form has for it.

import { CODE } from './packed/layout.js';

export class Word {
  constructor(code, reason) {
    this.code = code;
    this.reason = reason;
  }
}

/** One object for all records that are kept, and one for all that are dropped. */
export const keep = Object.freeze(new Word(CODE.KEEP));
export const drop = Object.freeze(new Word(CODE.DROP));

export function reject(reason) {
  return new Word(CODE.REJECT, String(reason));
}

export function retry(reason) {
  return new Word(CODE.RETRY, String(reason));
}

const { EMIT } = CODE;
const CHANGES = { __proto__: null, to: true, key: true, value: true, headers: true, timestamp: true };
const UNCHANGED = Object.freeze({});

export function emit(changes = UNCHANGED) {
  for (const name in changes) {
    if (CHANGES[name] !== true) throw new TypeError(`emit: ${name} is none of ${Object.keys(CHANGES).join(', ')}`);
  }
  return { code: EMIT, changes };
}
