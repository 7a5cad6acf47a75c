import assert from 'node:assert/strict';
import test from 'node:test';

import { ConfigError } from '../src/index.js';
import { anything, boolean, integer, list, map, mapOf, number, oneOf, optional, readConfig, schemaOf, string } from '../src/config.js';

const TYPES = {
  contains: string,
  one_of: optional(list(string), []),
  nested: optional(map({ flag: boolean })),
  style: optional(oneOf('email', 'all', 'last4'), 'all'),
};

function refused(types, config) {
  try {
    readConfig(types, JSON.stringify(config));
  } catch (error) {
    assert(error instanceof ConfigError);
    return error.message;
  }
  assert.fail(`${JSON.stringify(config)} is accepted`);
}

test('a configuration is read, with what is missing as it is named', () => {
  const config = readConfig(TYPES, '{"contains": "x", "nested": {"flag": true}}');
  assert.deepEqual(config, { contains: 'x', one_of: [], nested: { flag: true }, style: 'all' });
});

test('no configuration is an empty one', () => {
  assert.deepEqual(readConfig({}, 'null'), {});
  assert.deepEqual(readConfig({ a: optional(integer, 7), b: optional(string) }, 'null'), { a: 7, b: undefined });
  assert.equal(refused({ contains: string }, null), 'config.contains: missing');
});

test('a value of the wrong type names its key, what it should be and what it is', () => {
  const found = (value) => refused({ contains: string }, { contains: value });
  assert.equal(found(5), 'config.contains: expected a string, found the number 5');
  assert.equal(found(-1.5), 'config.contains: expected a string, found the number -1.5');
  assert.equal(found(true), 'config.contains: expected a string, found true');
  assert.equal(found(null), 'config.contains: expected a string, found null');
  assert.equal(found([]), 'config.contains: expected a string, found a list');
  assert.equal(found({}), 'config.contains: expected a string, found a map');
  assert.equal(refused({ n: number }, { n: '5"' }), 'config.n: expected a number, found the text "5\\""');
  assert.equal(refused({ n: integer }, { n: 1.5 }), 'config.n: expected a whole number, found the number 1.5');
  assert.equal(refused({ n: boolean }, { n: 'yes' }), 'config.n: expected a boolean, found the text "yes"');
  assert.equal(refused({ n: list(string) }, { n: 'x' }), 'config.n: expected a list, found the text "x"');
  assert.equal(refused(TYPES, []), 'config: expected a map, found a list');
  assert.equal(refused(TYPES, 5), 'config: expected a map, found the number 5');
});

test('the place inside of lists and maps is named', () => {
  assert.equal(refused(TYPES, { contains: '', one_of: ['a', 1] }), 'config.one_of[1]: expected a string, found the number 1');
  assert.equal(refused(TYPES, { contains: '', nested: {} }), 'config.nested.flag: missing');
  assert.equal(refused({ m: mapOf(number) }, { m: { a: 1, b: 'x' } }), 'config.m.b: expected a number, found the text "x"');
  assert.deepEqual(readConfig({ m: mapOf(anything) }, '{"m": {"a": [null]}}'), { m: { a: [null] } });
});

test('an unknown key is named with those there are, before anything else', () => {
  assert.equal(refused({ contains: string }, { contans: 'x' }), 'config.contans: unknown key, expected contains');
  assert.equal(refused({ b: string, a: string }, { x: 1 }), 'config.x: unknown key, expected a or b');
  assert.equal(refused({ c: string, a: string, b: string }, { x: 1 }), 'config.x: unknown key, expected a, b or c');
  assert.equal(refused({}, { x: 1 }), 'config.x: unknown key, expected none');
  assert.equal(refused({ a: string }, { toString: 1 }), 'config.toString: unknown key, expected a');
});

test('one of some texts', () => {
  assert.equal(
    refused(TYPES, { contains: '', style: 'none' }),
    'config.style: expected email, all or last4, found the text "none"',
  );
});

test('the schema says what is read', () => {
  assert.deepEqual(schemaOf({ config: TYPES }), {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: {
      contains: { type: 'string' },
      one_of: { type: 'array', items: { type: 'string' }, default: [] },
      nested: { type: 'object', properties: { flag: { type: 'boolean' } }, required: ['flag'], additionalProperties: false },
      style: { enum: ['email', 'all', 'last4'], default: 'all' },
    },
    required: ['contains'],
    additionalProperties: false,
  });
  assert.deepEqual(schemaOf({}).properties, {});
});
