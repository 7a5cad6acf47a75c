/**
 * Types for the keys of a stage's `config:`. A value that does not fit is an error that names its key, as in
 * `config.statuses[0]: expected a string, found the number 5`, and so is a key that the plugin does not have.
 */

declare const read: unique symbol;

/** How a value is read, and what it is then. */
export interface Type<T> {
  readonly [read]: T;
}

/** The types of the keys of a map. */
export type Types = { readonly [key: string]: Type<unknown> };

/** The configuration that is read with these types. */
export type ConfigOf<T extends Types> = { readonly [K in keyof T]: T[K] extends Type<infer V> ? V : never };

export const string: Type<string>;
export const boolean: Type<boolean>;
export const number: Type<number>;
/** A number without a fraction, up to 2^53. */
export const integer: Type<number>;
/** Whatever JSON can say: yours to check. */
export const anything: Type<unknown>;
/** One of these texts. */
export function oneOf<const T extends readonly string[]>(...values: T): Type<T[number]>;
/** A list of values of one type. */
export function list<T>(type: Type<T>): Type<readonly T[]>;
/** A map with these keys and no others. */
export function map<const T extends Types>(types: T): Type<ConfigOf<T>>;
/** A map with any keys, to values of one type. */
export function mapOf<T>(type: Type<T>): Type<{ readonly [key: string]: T }>;
/** A key that may be missing: it is undefined then, or what you name. */
export function optional<T>(type: Type<T>): Type<T | undefined>;
export function optional<T>(type: Type<T>, otherwise: NoInfer<T>): Type<T>;
