import { Rejected } from 'sluicebox-plugin';

export type JsonObject = { [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const LARGEST = Number.MAX_SAFE_INTEGER;

/** `Number.isSafeInteger`, which is itself written in JavaScript in this engine and costs three times as much. */
export function isWhole(number: number): boolean {
  return number % 1 === 0 && number <= LARGEST && number >= -LARGEST;
}

/** A field that is a number without a fraction; any other rejects the record. */
export function wholeNumber(object: JsonObject, name: string): number {
  const number = object[name];
  if (typeof number !== 'number' || !isWhole(number)) throw new Rejected(`${name} is not a whole number`);
  return number;
}
