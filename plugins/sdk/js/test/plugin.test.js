import assert from 'node:assert/strict';
import test from 'node:test';

import { ConfigError, count, definePlugin, drop, emit, Failure, keep, Rejected, reject, retry } from '../src/index.js';
import { string } from '../src/config.js';
import { counted, start } from '../src/testing.js';

const ALL = ['key', 'value', 'headers', 'timestamp', 'source'];

/** A plugin that does this with every record. */
const does = (process, needs = ALL) => start(definePlugin({ needs, init: () => process }), null, { outputs: ['default', 'audit'] });

/** The verdict of a plugin that answers this. */
const said = (verdict, message = 'x') => does(() => verdict).run(message);

/** What a plugin reads of a message. */
function read(message, field, needs) {
  let value;
  does((record) => {
    value = field(record);
    return keep;
  }, needs).run(message);
  return value;
}

test('every verdict arrives as it was said', () => {
  assert.deepEqual(said(keep), { verdict: 'keep' });
  assert.deepEqual(said(drop), { verdict: 'drop' });
  assert.deepEqual(said(reject('no é')), { verdict: 'reject', reason: 'no é' });
  assert.deepEqual(said(retry('')), { verdict: 'retry', reason: '' });
  assert.deepEqual(said([]), { verdict: 'emit', emitted: [] });
  assert.deepEqual(said(emit()), { verdict: 'emit', emitted: [{}] });
});

test('what an emit sets is set, and the rest is inherited', () => {
  for (const changes of [
    { value: 'text é' },
    { value: null },
    { value: '' },
    { key: 'k' },
    { key: null },
    { to: 'audit' },
    { headers: [] },
    { headers: [['a', '1'], ['a', null], ['é', 'ü'], ['', '']] },
    { timestamp: 0 },
    { timestamp: -5 },
    { timestamp: 1767225600123 },
    { timestamp: Number.MAX_SAFE_INTEGER },
    { timestamp: Number.MIN_SAFE_INTEGER },
    { to: 'audit', key: 'k', value: 'v', headers: [['h', 'x']], timestamp: 9 },
  ]) {
    assert.deepEqual(said(emit(changes)), { verdict: 'emit', emitted: [changes] });
  }
  assert.deepEqual(said(emit({ timestamp: 77n })).emitted, [{ timestamp: 77 }]);
  assert.deepEqual(said(emit({ value: undefined, key: 'k' })).emitted, [{ key: 'k' }]);
});

test('bytes are emitted as they are', () => {
  const bytes = Uint8Array.of(0xff, 0, 0x80);
  assert.deepEqual(said(emit({ value: bytes, headers: [['h', bytes]] })).emitted, [{ value: bytes, headers: [['h', bytes]] }]);
});

test('several records may be emitted, each its own way', () => {
  const several = [emit({ value: 'one', to: 'audit' }), emit(), emit({ value: 'two', to: 'audit' })];
  assert.deepEqual(said(several).emitted, [{ value: 'one', to: 'audit' }, {}, { value: 'two', to: 'audit' }]);
});

test('large answers have their place', () => {
  const text = 'ü'.repeat(100_000);
  const answers = does((record) => emit({ value: text + record.text() })).runBatch(Array.from({ length: 200 }, (_, n) => `${n}`));
  answers.forEach((answer, n) => assert(answer.emitted[0].value === `${text}${n}`, `${n}`));
});

test('text of many records is placed, ASCII or not, between what is no text', () => {
  const texts = ['plain', '', 'é', '\u{10400}', 'x'.repeat(50_000), 'ü'.repeat(50_000), 'a\ufeffb'];
  for (const from of [0, 2]) { // one run of text that is all ASCII to begin with, and one that is not
    const changes = Array.from({ length: 300 }, (_, n) => {
      const text = texts[(n + from) % texts.length];
      if (n % 11 === 3) return { value: Uint8Array.of(0xff, n % 256), key: text };
      if (n % 11 === 5) return { value: text, headers: [['h', text]], to: 'audit' };
      return n % 11 === 7 ? { value: text, key: `k${n}` } : { value: text };
    });
    const plugin = does((record) => {
      const n = Number(record.text());
      return n % 13 === 6 ? emit({ key: 'é', value: 5 }) : emit(changes[n]);
    });
    plugin.runBatch(changes.map((_, n) => `${n}`)).forEach((answer, n) => {
      if (n % 13 === 6) assert.match(answer.reason, /^TypeError: emit: value is text/);
      else assert.deepEqual(answer.emitted, [changes[n]], `${n}`);
    });
  }
});

test('half a character does not join the other half in the next record', () => {
  const halves = does((record) => emit({ value: record.text() === 'first' ? 'a\ud801' : '\udc00b' }));
  assert.deepEqual(halves.runBatch(['first', 'second']).map((answer) => answer.emitted[0].value), ['a\ufffd', '\ufffdb']);
});

test('every field is read', () => {
  const message = {
    key: 'k', value: 'v é', headers: [['a', '1'], ['b', null], ['a', '2']], timestamp: 77, topic: 't', partition: 3, offset: 2 ** 40,
  };
  const text = (bytes) => bytes && new TextDecoder().decode(bytes);
  assert.equal(read(message, (record) => text(record.key)), 'k');
  assert.equal(read(message, (record) => record.keyText()), 'k');
  assert.equal(read(message, (record) => text(record.value)), 'v é');
  assert.equal(read(message, (record) => record.text()), 'v é');
  assert.deepEqual(read(message, (record) => record.headers.map(([name, value]) => [name, text(value)])), message.headers);
  assert.equal(read(message, (record) => record.headerText('a')), '2');
  assert.equal(read(message, (record) => record.headerText('b')), null);
  assert.equal(read(message, (record) => record.header('none')), null);
  assert.equal(read(message, (record) => record.timestamp), 77);
  assert.equal(read({ ...message, timestamp: -5 }, (record) => record.timestamp), -5);
  assert.deepEqual(read(message, (record) => record.source), { topic: 't', partition: 3, offset: 2 ** 40 });
});

test('null is not empty', () => {
  assert.equal(read({}, (record) => record.value), null);
  assert.equal(read({}, (record) => record.text()), null);
  assert.equal(read({}, (record) => record.json()), undefined);
  assert.equal(read({}, (record) => record.key), null);
  assert.equal(read({}, (record) => record.timestamp), null);
  assert.deepEqual(read({}, (record) => record.headers), []);
  assert.equal(read({ key: '', value: '' }, (record) => record.keyText() + record.text()), '');
});

test('what is not needed is not there', () => {
  const message = { key: 'k', value: 'v', headers: [['a', '1']], timestamp: 1 };
  const fields = (record) => [record.key, record.value, record.headers.length, record.timestamp, record.source];
  assert.deepEqual(read(message, fields, []), [null, null, 0, null, null]);
});

test('needs may depend on the configuration', () => {
  const plugin = definePlugin({
    config: { field: string },
    needs: ({ field }) => [field],
    init: () => (record) => emit({ value: `${record.keyText()} ${record.text()}` }),
  });
  assert.equal(start(plugin, { field: 'key' }).run({ key: 'k', value: 'v' }).emitted[0].value, 'k null');
  assert.throws(() => start(plugin, { field: 'body' }), /needs: body is none of key, value/);
});

test('a value is read as JSON, and refused where it is none', () => {
  const plugin = does((record) => emit({ value: JSON.stringify(record.json().a) }));
  assert.equal(plugin.run('{"a": [1]}').emitted[0].value, '[1]');
  assert.match(plugin.run('{"a": 1').reason, /^the value is not JSON: /);
  assert.equal(plugin.run(Uint8Array.of(0x22, 0xff, 0x22)).reason, 'the value is not UTF-8');
  assert.match(plugin.run('\ufeff{"a": 1}').reason, /^the value is not JSON: /);
});

test('an error rejects its own record, with its stack', () => {
  const plugin = does((record) => {
    if (record.text() === 'bad') throw new TypeError('out of cheese', { cause: new Error('no cow') });
    return record.text() === 'null' ? emit({ value: null }) : keep;
  });
  const answers = plugin.runBatch(['good', 'bad', 'null', 'good']);
  assert.deepEqual(answers.map((answer) => answer.verdict), ['keep', 'reject', 'emit', 'keep']);
  assert.match(answers[1].reason, /^TypeError: out of cheese\nat .*plugin\.test\.js:\d+:\d+/);
  assert.match(answers[1].reason, /\ncaused by Error: no cow\n/);
});

test('a reason that an error has is cut to whole characters', () => {
  const { reason } = does(() => {
    throw new Error(`x${'é'.repeat(2000)}`);
  }).run('x');
  assert.equal(new TextEncoder().encode(reason).length, 1000);
  assert.match(reason, /^Error: xé+$/);
});

test('what is thrown and is no error is shown', () => {
  const { reason } = does(() => {
    throw { code: 5 };
  }).run('x');
  assert.equal(reason, 'thrown: {"code":5}');
});

test('a rejection may be thrown', () => {
  const { reason } = does(() => {
    throw new Rejected('no name');
  }).run('x');
  assert.equal(reason, 'no name');
});

test('a failure fails the batch', () => {
  const plugin = does((record) => {
    if (record.text() === 'away') throw Failure.retry('away');
    if (record.text() === 'over') throw Failure.fatal('over');
    return keep;
  });
  assert.throws(() => plugin.runBatch(['x', 'away']), { kind: 'retry', message: 'away' });
  assert.throws(() => plugin.runBatch(['x', 'over']), { kind: 'fatal', message: 'over' });
  assert.deepEqual(plugin.run('x'), { verdict: 'keep' });
});

test('what is no verdict rejects the record, and leaves nothing of itself', () => {
  for (const [wrong, reason] of [
    [undefined, /^TypeError: a plugin returns keep, .* not undefined/],
    [Promise.resolve(keep), /not a promise \(nothing in a plugin can wait\)/],
    [{ code: 1 }, /not object/],
    [[keep], /a list may hold what emit\(\) returns/],
    [[emit({ value: 'one', to: 'audit' }), emit({ value: 5 })], /emit: value is text, a Uint8Array or null/],
    [emit({ to: 5 }), /emit: to is the name of an output/],
    [emit({ headers: [['a', 5]] }), /emit: the value of the header a is text/],
    [emit({ timestamp: 1.5 }), /emit: timestamp is whole milliseconds, not 1.5/],
  ]) {
    const plugin = does((record) => (record.text() === 'wrong' ? wrong : emit({ value: 'right', to: 'audit' })));
    const [before, refused, after] = plugin.runBatch(['x', 'wrong', 'x']);
    assert.match(refused.reason, reason);
    for (const right of [before, after]) assert.deepEqual(right.emitted, [{ value: 'right', to: 'audit' }]);
  }
});

test('a misspelt change is an error', () => {
  assert.throws(() => emit({ vaule: 'x' }), /emit: vaule is none of to, key, value, headers, timestamp/);
});

test('an error of init is what the user sees', () => {
  const plugin = definePlugin({
    needs: [],
    init(_config, stage) {
      stage.checkOutput('eu');
    },
  });
  assert.throws(() => start(plugin), ConfigError);
  assert.throws(() => start(plugin, { x: 1 }), { message: 'config.x: unknown key, expected none' });
});

test('a plugin that is none is refused', () => {
  const init = () => () => keep;
  assert.throws(() => definePlugin({ needs: [] }), /init is missing/);
  assert.throws(() => definePlugin({ init }), /needs is a list/);
  assert.throws(() => definePlugin({ init, needs: ['body'] }), /body is none of/);
  assert.throws(() => definePlugin({ init, needs: [], procss: 1 }), /procss is none of/);
  assert.throws(() => start(definePlugin({ needs: [], init: () => undefined })), /has to return the function/);
  assert.throws(() => start(definePlugin({ needs: [], init: () => async () => keep })), /cannot be async/);
});

test('counters add up', () => {
  const plugin = does(() => {
    count('records');
    count('bytes', 10n);
    return keep;
  });
  plugin.runBatch(['a', 'b']);
  assert.deepEqual([counted('records'), counted('bytes'), counted('none')], [2, 20, 0]);
  assert.throws(() => count('x', -1), RangeError);
  assert.throws(() => count('x', 1.5), RangeError);
});

test('nothing of a batch is left in the next', () => {
  const plugin = does((record) => (record.text() === 'keep' ? keep : emit({ value: 'x'.repeat(5000), to: 'audit' })));
  const first = plugin.runBatch(['a', 'b', 'c']);
  assert.deepEqual(plugin.runBatch(['keep', 'a']), [{ verdict: 'keep' }, first[0]]);
});
