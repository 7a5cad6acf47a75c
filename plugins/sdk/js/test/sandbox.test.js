// In a process of its own, as `node --test` runs each file: the sandbox replaces globals.

import assert from 'node:assert/strict';
import test from 'node:test';

import { host } from '../src/host.js';
import { startSandbox } from '../src/sandbox.js';

const logged = [];
const imports = { write: (level, message) => logged.push(`${level}: ${message}`), count: () => undefined };

test('until init messages wait, and nothing is counted', () => {
  console.log('early', { a: 1 });
  assert.throws(() => host.count('x', 1n), /before init/);
  startSandbox(imports);
  assert.deepEqual(logged.splice(0), ['info: early {"a":1}']);
});

test('the console goes to the log', () => {
  console.error('e', new Uint8Array(3));
  console.warn('w', 5n, undefined, null);
  console.info('i');
  console.debug('d', [1, 'x']);
  console.assert(true, 'not shown');
  console.assert(false, 'shown');
  assert.deepEqual(logged.splice(0), [
    'error: e bytes (3)', 'warn: w 5 undefined null', 'info: i', 'debug: d [1,"x"]', 'error: assertion failed shown',
  ]);
});

test('the clock moves by a millisecond at each reading', () => {
  const [first, second] = [Date.now(), Date.now()];
  assert.equal(second, first + 1);
  assert.equal(new Date().getTime(), second + 1);
  assert.match(new Date().toISOString(), /^2026-01-01T00:00:00\.\d{3}Z$/);
  assert.match(Date(), /^Thu Jan 01 2026|^Wed Dec 31 2025/);
  assert(performance.now() < performance.now());
});

test('a date is a date', () => {
  assert.equal(new Date(5).getTime(), 5);
  assert.equal(new Date(2020, 0, 2).getDate(), 2);
  assert.equal(Date.UTC(2020), new Date('2020-01-01T00:00:00Z').getTime());
  assert(new Date() instanceof Date);
  assert.equal(new Date().constructor, Date);
  class Sub extends Date {}
  assert(new Sub() instanceof Sub && new Sub(7).getTime() === 7);
});

test('randomness is of the right kind', () => {
  const drawn = Array.from({ length: 1000 }, () => Math.random());
  assert(drawn.every((number) => number >= 0 && number < 1));
  assert(new Set(drawn).size === 1000);
  const mean = drawn.reduce((sum, number) => sum + number) / 1000;
  assert(mean > 0.45 && mean < 0.55, `${mean}`);
  assert.match(crypto.randomUUID(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert(crypto.getRandomValues(new Uint16Array(50)).some((number) => number > 255));
});

test('what would wait is an error', () => {
  for (const call of [() => setTimeout(() => undefined, 1), () => setInterval(() => undefined, 1), () => fetch('x')]) {
    assert.throws(call, /nothing in a plugin can wait/);
  }
});

test('what is granted comes from the host', () => {
  startSandbox({
    ...imports,
    wallClock: () => ({ seconds: 1800000000n, nanoseconds: 123999999 }),
    monotonicClock: ((now) => () => (now += 2_500_000n))(0n),
    randomBytes: (len) => new Uint8Array(Number(len)).fill(0x80),
  });
  assert.equal(Date.now(), 1800000000123);
  assert.equal(performance.now(), 2.5);
  assert.equal(Math.random().toFixed(3), '0.502');
  assert.deepEqual([...crypto.getRandomValues(new Uint8Array(2))], [0x80, 0x80]);
});
