import { Rejected } from 'sluicebox-plugin';

export type JsonObject = { [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A field that is a number without a fraction; any other rejects the record. */
export function wholeNumber(object: JsonObject, name: string): number {
  const number = object[name];
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw new Rejected(`${name} is not a whole number`);
  return number;
}
