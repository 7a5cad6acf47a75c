// What JavaScript expects of its surroundings and a sandbox does not have: a clock, randomness and a console of the
// SDK's own, Unicode normalization, and a plain error for what cannot be had. Imported before a plugin's own files,
// which may use all of it when they load.

import { host } from './host.js';
import { log } from './log.js';
import { normalize } from './normalization/index.js';

/** The clock's first reading, 2026-01-01T00:00:00Z, and the first of `performance.now()`. */
const EPOCH = 1767225600000;

let readings = 0;
let seed = 0x51c1ceb0;

/** Advances by a millisecond at each reading, so that a loop that waits for time to pass ends. */
let wallClock = () => EPOCH + ++readings;
let monotonicClock = () => ++readings;
/** Fills bytes with random ones: from a fixed seed, the same in every instance. */
let fillRandom = fillFromSeed;

/** What has been logged while the component was built: the host cannot be called there. */
const early = [];
host.write = (level, message) => early.push([level, message]);
host.count = () => {
  throw new Error('count: nothing can be counted before init: a plugin\'s file runs once, when it is built');
};

/** From now on the host's functions are called, those that are granted among them. */
export function startSandbox(imports) {
  host.write = imports.write;
  host.count = imports.count;
  early.splice(0).forEach(([level, message]) => host.write(level, message));
  if (imports.wallClock !== undefined) {
    wallClock = () => {
      const { seconds, nanoseconds } = imports.wallClock();
      return Number(seconds) * 1000 + Math.floor(nanoseconds / 1e6);
    };
    const start = imports.monotonicClock();
    monotonicClock = () => Number(imports.monotonicClock() - start) / 1e6;
  }
  if (imports.randomBytes !== undefined) {
    fillRandom = (bytes) => bytes.set(imports.randomBytes(BigInt(bytes.length)));
  }
}

/** Marsaglia's xorshift: 32 bits. */
function next() {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return seed >>> 0;
}

function fillFromSeed(bytes) {
  for (let n = 0; n < bytes.length; n++) bytes[n] = next() >>> 16;
}

const drawn = new Uint32Array(2);

function random() {
  fillRandom(new Uint8Array(drawn.buffer));
  return (drawn[0] * 0x200000 + (drawn[1] >>> 11)) / 2 ** 53;
}

function getRandomValues(array) {
  fillRandom(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  return array;
}

function randomUUID() {
  const bytes = getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const NativeDate = Date;

/** As the native one, but for the time of day. */
function SandboxDate(...parts) {
  if (new.target === undefined) return new NativeDate(wallClock()).toString();
  return Reflect.construct(NativeDate, parts.length === 0 ? [wallClock()] : parts, new.target);
}

function installClock() {
  SandboxDate.prototype = NativeDate.prototype;
  Object.defineProperty(SandboxDate, 'length', { value: NativeDate.length });
  Object.defineProperty(SandboxDate, 'name', { value: 'Date' });
  replace(SandboxDate, { now: () => wallClock(), parse: NativeDate.parse, UTC: NativeDate.UTC });
  replace(NativeDate.prototype, { constructor: SandboxDate });
  replace(globalThis, { Date: SandboxDate });
  replace(performance, { now: () => monotonicClock() });
}

function installRandom() {
  replace(Math, { random });
  replace(crypto, { getRandomValues, randomUUID });
}

function installConsole() {
  const assert = (right, ...parts) => {
    if (!right) log.error('assertion failed', ...parts);
  };
  const { error, warn, info, debug } = log;
  replace(console, { error, warn, info, debug, assert, log: info, dir: (value) => info(value), trace: debug });
}

/** Without this they would trap, and the whole batch with them. */
function refuseWaiting() {
  for (const name of ['setTimeout', 'setInterval', 'fetch']) {
    const refuse = () => {
      throw new Error(`${name}: nothing in a plugin can wait, and it has no network`);
    };
    replace(globalThis, { [name]: refuse });
  }
}

function replace(object, functions) {
  for (const [name, value] of Object.entries(functions)) {
    Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
  }
}

/** Node.js has it, where the SDK's own tests run. */
if (String.prototype.normalize === undefined) replace(String.prototype, { normalize });
installClock();
installRandom();
installConsole();
refuseWaiting();
