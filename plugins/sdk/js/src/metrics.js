// Counters, which the host adds up.

import { host } from './host.js';

export function count(name, delta = 1) {
  if (typeof name !== 'string') throw new TypeError('count: the name of a counter is a string');
  if (delta < 0 || !(typeof delta === 'bigint' || Number.isSafeInteger(delta))) {
    throw new RangeError(`count: ${delta} is no whole number from 0 on`);
  }
  host.count(name, BigInt(delta));
}
