// What a plugin says of a record.

/** A verdict without anything to it: one object each. */
export const keep = Object.freeze({ verdict: 'keep' });
export const drop = Object.freeze({ verdict: 'drop' });

export class Emit {
  constructor(changes) {
    this.changes = changes;
  }
}

export class Reject {
  constructor(reason) {
    this.reason = reason;
  }
}

export class Retry {
  constructor(reason) {
    this.reason = reason;
  }
}

const CHANGES = { to: true, key: true, value: true, headers: true, timestamp: true };
const UNCHANGED = Object.freeze({});

export function emit(changes = UNCHANGED) {
  for (const name in changes) {
    if (CHANGES[name] !== true) throw new TypeError(`emit: ${name} is none of ${Object.keys(CHANGES).join(', ')}`);
  }
  return new Emit(changes);
}

export function reject(reason) {
  return new Reject(String(reason));
}

export function retry(reason) {
  return new Retry(String(reason));
}
