import assert from 'node:assert/strict';
import test from 'node:test';
import { normalize } from '../src/normalization/index.js';

const FORMS = ['NFC', 'NFD', 'NFKC', 'NFKD'];
const same = (text) => {
  for (const form of FORMS) {
    const [ours, native] = [normalize.call(text, form), text.normalize(form)];
    if (ours !== native) assert.equal(ours, native, `${form} of ${JSON.stringify(text)}`);
  }
};

/** Characters that this Node.js knows: it may have an older Unicode than the table. */
const known = [...Array(0x110000).keys()].filter((code) => /\p{Assigned}/u.test(String.fromCodePoint(code))).map((code) => String.fromCodePoint(code));

test('every character becomes what Node.js makes of it', () => {
  known.forEach(same);
});

test('marks are sorted and composed as Node.js does it', () => {
  const bases = ['a', 'e', 'o', 'u', '\u03b1', '\u0915', '\u1100', '\u1161', '\u11a8', '\uac00', '\uac01', '\u01b0', '\u1e9b', '\ufb01'];
  const marks = known.filter((character) => /\p{Mn}/u.test(character));
  let state = 1;
  const pick = (list) => list[(state = (state * 48271) % 0x7fffffff) % list.length];
  for (let n = 0; n < 20000; n++) {
    same([pick(bases), pick(marks), pick(marks), pick(bases), pick(marks), pick(marks), pick(marks)].join(''));
  }
});

test('the form is checked, and NFC where none is given', () => {
  assert.equal(normalize.call('e\u0301'), '\u00e9');
  assert.equal(normalize.call('plain'), 'plain');
  assert.equal(normalize.call('\ud800'), '\ud800');
  assert.throws(() => normalize.call('', 'nfc'), RangeError);
});
