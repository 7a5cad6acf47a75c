// `exercise` does what a record's value tells it to: for the tests that every language's SDK has to pass.
//
// The value is `COMMAND[ ARGUMENT]`, where the argument is all behind the first space. A null value and any other command: keep.

import { count, definePlugin, drop, emit, Failure, keep, log, reject, retry } from 'sluicebox-plugin';
import { boolean, optional, string } from 'sluicebox-plugin/config';
import { echo } from './echo.js';

export default definePlugin({
  config: { greeting: optional(string, 'hello'), keep: optional(boolean, false) },
  needs: ['key', 'value', 'headers', 'timestamp', 'source'],

  init(config, stage) {
    return (record) => {
      if (config.keep) return keep;
      const text = record.text();
      if (text === null) return keep;
      const [command, argument] = split(text);
      return COMMANDS.get(command)?.(argument, record, config, stage) ?? keep;
    };
  },
});

const COMMANDS = new Map([
  ['drop', () => drop],
  ['set', (text) => emit({ value: text })],
  ['null', () => emit({ value: null })],
  ['empty', () => emit({ value: '' })],
  ['key', (text) => emit({ key: text })],
  ['null-key', () => emit({ key: null })],
  ['headers', (_, record) => emit({ headers: [...record.headers, ['added', '1'], ['none', null]] })],
  ['no-headers', () => emit({ headers: [] })],
  ['timestamp', (number) => emit({ timestamp: BigInt(number) })],
  ['to', (output) => emit({ to: output })],
  ['two', () => [emit({ value: 'one' }), emit({ value: 'two', to: 'audit' })]],
  ['nothing', () => []],
  ['reject', (reason) => reject(reason)],
  ['retry', (reason) => retry(reason)],
  ['fail-retry', (reason) => fail(Failure.retry(reason))],
  ['fail-fatal', (reason) => fail(Failure.fatal(reason))],
  ['throw', (text) => outer(text)],
  ['log', (argument) => write(...split(argument))],
  ['count', (argument) => add(...split(argument))],
  ['greet', (_argument, _record, config) => emit({ value: config.greeting })],
  ['stage', (_argument, _record, _config, stage) => emit({ value: stage.name })],
  ['outputs', (_argument, _record, _config, stage) => emit({ value: stage.outputs.join(',') })],
  ['echo', (_, record) => emit({ value: echo(record) })],
]);

/** A text before and behind its first space. */
function split(text) {
  const space = text.indexOf(' ');
  return space < 0 ? [text, ''] : [text.slice(0, space), text.slice(space + 1)];
}

function fail(failure) {
  throw failure;
}

function outer(text) {
  return inner(text);
}

function inner(text) {
  throw new Error(text);
}

function write(level, text) {
  log[level](text);
  return keep;
}

function add(name, number) {
  count(name, BigInt(number));
  return keep;
}
