// Reads a stage's configuration, with errors for whoever wrote the pipeline file.

import { ConfigError } from './errors.js';

/** The type of a key: how it is read, and what it is where the key is missing. */
class Type {
  constructor(read, missing) {
    this.read = read;
    this.missing = missing ?? ((path) => fail(path, 'missing'));
  }
}

const simple = (words, fits) =>
  new Type((value, path) => (fits(value) ? value : fail(path, `expected ${words}, found ${found(value)}`)));

export const string = simple('a string', (value) => typeof value === 'string');
export const boolean = simple('a boolean', (value) => typeof value === 'boolean');
export const number = simple('a number', (value) => typeof value === 'number');
export const integer = simple('a whole number', Number.isSafeInteger);
export const anything = simple('anything', () => true);

export function oneOf(...values) {
  return simple(alternatives(values), (value) => values.includes(value));
}

export function list(type) {
  return new Type((value, path) => {
    if (!Array.isArray(value)) fail(path, `expected a list, found ${found(value)}`);
    return value.map((item, n) => type.read(item, `${path}[${n}]`));
  });
}

export function map(types) {
  return new Type((value, path) => {
    checkMap(value, path);
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn(types, key)) fail(`${path}.${key}`, `unknown key, ${known(Object.keys(types))}`);
    }
    const entries = Object.entries(types).map(([key, type]) => {
      const inner = `${path}.${key}`;
      return [key, Object.hasOwn(value, key) ? type.read(value[key], inner) : type.missing(inner)];
    });
    return Object.fromEntries(entries);
  });
}

export function mapOf(type) {
  return new Type((value, path) => {
    checkMap(value, path);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, type.read(item, `${path}.${key}`)]));
  });
}

export function optional(type, otherwise) {
  return new Type(type.read, () => otherwise);
}

/** Reads the JSON text of a stage's `config:`; `null` (the pipeline file has none) is an empty map. */
export function readConfig(types, json) {
  return map(types).read(JSON.parse(json) ?? {}, 'config');
}

function checkMap(value, path) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    fail(path, `expected a map, found ${found(value)}`);
  }
}

/** A value as someone would say it who knows YAML. */
function found(value) {
  if (typeof value === 'string') return `the text ${JSON.stringify(value)}`;
  if (typeof value === 'number') return `the number ${value}`;
  if (Array.isArray(value)) return 'a list';
  return value !== null && typeof value === 'object' ? 'a map' : String(value);
}

function known(keys) {
  return keys.length === 0 ? 'expected none' : `expected ${alternatives(keys.sort())}`;
}

/** `a`, `a or b`, `a, b or c`. */
function alternatives(words) {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function fail(path, problem) {
  throw new ConfigError(`${path}: ${problem}`);
}
