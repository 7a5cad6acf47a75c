// A started plugin: from a packed batch to packed verdicts. The same in a component and in tests.

import { readConfig } from './config.js';
import { Failure, Rejected, describe } from './errors.js';
import { INPUT_WORDS } from './packed/layout.js';
import * as answer from './packed/result-writer.js';
import { checkProcess, needsOf } from './plugin.js';
import { judge } from './record.js';
import { Stage } from './stage.js';

/** Bytes of a reason that is made of an error and its stack. */
const LONGEST = 1000;

/**
 * What the engine throws, this text and no error, where the stage's limit refuses it memory. It is no verdict on a
 * record: thrown on it is a trap, and the host tries each record in a new instance.
 */
const OUT_OF_MEMORY = 'out of memory';

export class Instance {
  /** Reads the configuration and starts the plugin. */
  constructor(plugin, { stage, json, outputs }) {
    const config = readConfig(plugin.config ?? {}, json);
    this.needs = needsOf(plugin, config);
    this._process = checkProcess(plugin.init(config, new Stage(stage, outputs)));
  }

  /** Judges a batch. The result is good until the next call; a `Failure` of the plugin is thrown. */
  process(index, data) {
    answer.start(index.length / (4 * INPUT_WORDS));
    judge(index, data, this._process, answer.push, refuse);
    return answer.result();
  }
}

function refuse(record, error) {
  if (error instanceof Failure || error === OUT_OF_MEMORY) throw error;
  answer.refuse(record, reasonOf(error));
}

/** Why a record is refused whose judgement has thrown. */
function reasonOf(error) {
  return error instanceof Rejected ? error.message : cut(describe(error));
}

/** As much of a text as fits, in whole characters. */
function cut(text) {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(LONGEST));
  return text.slice(0, read);
}
