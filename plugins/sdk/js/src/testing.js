// Tests a plugin in Node.js, without WebAssembly, and through the packed form all the same.

import { counters } from './host.js';
import { Instance } from './instance.js';
import { writeBatch } from './packed/batch-writer.js';
import { readResult } from './packed/result-reader.js';

export function start(plugin, config = null, { outputs = ['default'], stage = 'test' } = {}) {
  return new Started(new Instance(plugin, { stage, json: JSON.stringify(config), outputs }));
}

class Started {
  #instance;

  constructor(instance) {
    this.#instance = instance;
  }

  run(message) {
    return this.runBatch([message])[0];
  }

  runBatch(messages) {
    const { index, data } = writeBatch(messages.map(messageOf), this.#instance.needs);
    return readResult(messages.length, this.#instance.process(index, data));
  }
}

/** Text and bytes alone are a value. */
function messageOf(message) {
  return typeof message === 'string' || message instanceof Uint8Array ? { value: message } : message;
}

export function counted(name) {
  return counters.get(name) ?? 0;
}
