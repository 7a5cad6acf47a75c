// Reads a stage's configuration, with errors for the author of the pipeline file.

import { ConfigError } from './errors.js';

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

/** The type of a key: its JSON Schema, how it is read, and what a missing key stands for. */
class Type {
  constructor(schema, read, missing) {
    this.schema = schema;
    this.read = read;
    this.isRequired = missing === undefined;
    this.missing = missing ?? ((path) => fail(path, 'missing'));
  }
}

const simple = (schema, words, fits) =>
  new Type(schema, (value, path) => (fits(value) ? value : fail(path, `expected ${words}, found ${found(value)}`)));

export const string = simple({ type: 'string' }, 'a string', (value) => typeof value === 'string');
export const boolean = simple({ type: 'boolean' }, 'a boolean', (value) => typeof value === 'boolean');
export const number = simple({ type: 'number' }, 'a number', (value) => typeof value === 'number');
export const integer = simple({ type: 'integer' }, 'a whole number', Number.isSafeInteger);
export const anything = simple({}, 'anything', () => true);

export function oneOf(...values) {
  return simple({ enum: values }, alternatives(values), (value) => values.includes(value));
}

export function list(type) {
  return new Type({ type: 'array', items: type.schema }, (value, path) => {
    if (!Array.isArray(value)) fail(path, `expected a list, found ${found(value)}`);
    return value.map((item, n) => type.read(item, `${path}[${n}]`));
  });
}

export function map(types) {
  return new Type(mapSchema(types), (value, path) => {
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

function mapSchema(types) {
  const required = Object.keys(types).filter((key) => types[key].isRequired);
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(types).map(([key, type]) => [key, type.schema])),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}

export function mapOf(type) {
  return new Type({ type: 'object', additionalProperties: type.schema }, (value, path) => {
    checkMap(value, path);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, type.read(item, `${path}.${key}`)]));
  });
}

export function optional(type, otherwise) {
  const schema = otherwise === undefined ? type.schema : { ...type.schema, default: otherwise };
  return new Type(schema, type.read, () => otherwise);
}

/** The JSON Schema of a plugin's configuration, for `sluice plugin build`. */
export function schemaOf(plugin) {
  return { $schema: DIALECT, ...mapSchema(plugin.config ?? {}) };
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
