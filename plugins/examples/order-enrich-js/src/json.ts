import { Rejected } from 'sluicebox-plugin';

export type JsonObject = { [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const LARGEST = Number.MAX_SAFE_INTEGER;

/**
 * A field that is a number without a fraction; any other rejects the record. `Number.isSafeInteger` would say so as
 * well, but this engine has it in JavaScript, which is three times as slow.
 */
export function wholeNumber(object: JsonObject, name: string): number {
  const number = object[name];
  if (typeof number !== 'number' || number % 1 !== 0 || number > LARGEST || number < -LARGEST) {
    throw new Rejected(`${name} is not a whole number`);
  }
  return number;
}
