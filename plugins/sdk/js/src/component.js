// What the component exports: called by the entry that `sluice plugin build` writes around a plugin.

import { ConfigError, Failure, describe } from './errors.js';
import { Instance } from './instance.js';
import { definePlugin } from './plugin.js';
import { startSandbox } from './sandbox.js';

/**
 * The interface's two exports for a plugin. `about` is its name and version; `imports` are the host's functions:
 * `write`, `count`, and where they are granted `wallClock`, `monotonicClock` and `randomBytes`.
 */
export function component(plugin, about, imports) {
  definePlugin(plugin);
  let instance;

  function init(config) {
    startSandbox(imports);
    try {
      instance = new Instance(plugin, config);
    } catch (error) {
      return { tag: 'err', val: error instanceof ConfigError ? error.message : describe(error) };
    }
    return { tag: 'ok', val: { ...about, needs: instance.needs } };
  }

  function process({ index, data }) {
    try {
      return { tag: 'ok', val: instance.process(index, data) };
    } catch (error) {
      if (error instanceof Failure) return { tag: 'err', val: { tag: error.kind, val: error.message } };
      throw error;
    }
  }

  return { lifecycle: { init }, packed: { process } };
}
