import assert from 'node:assert/strict';
import test from 'node:test';

import { Stage } from '../src/stage.js';

const stage = new Stage('s', ['default', 'audit']);

function refused(name) {
  try {
    stage.checkOutput(name);
  } catch (error) {
    return error.message;
  }
  assert.fail(`${name} is accepted`);
}

test('an output of the pipeline is accepted', () => {
  stage.checkOutput('audit');
});

test('an unknown output is refused with the nearest name', () => {
  assert.equal(refused('audti'), 'the pipeline has no output `audti`; did you mean `audit`? its outputs are: default, audit');
  assert.match(refused('defult'), /did you mean `default`\?/);
});

test('no name is suggested where none is near', () => {
  assert.equal(refused('eu'), 'the pipeline has no output `eu`; its outputs are: default, audit');
});
