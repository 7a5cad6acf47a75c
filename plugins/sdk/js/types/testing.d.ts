/** Tests a plugin in Node.js, without WebAssembly, and through the packed form all the same. */

import type { Plugin } from './index.js';

/** A record of a test. What is not there is null, empty or 0; the topic is `test`. */
export interface Message {
  key?: string | Uint8Array | null;
  value?: string | Uint8Array | null;
  headers?: readonly (readonly [name: string, value: string | Uint8Array | null])[];
  timestamp?: number | null;
  topic?: string;
  partition?: number;
  offset?: number;
}

/** What is set of an emitted record. Bytes are read as text where they are UTF-8. */
export interface Emitted {
  to?: string;
  key?: string | Uint8Array | null;
  value?: string | Uint8Array | null;
  headers?: [name: string, value: string | Uint8Array | null][];
  timestamp?: number;
}

/** A verdict as a plain object, to be compared with `assert.deepEqual`. */
export type Answer =
  | { verdict: 'keep' | 'drop' }
  | { verdict: 'emit'; emitted: Emitted[] }
  | { verdict: 'reject' | 'retry'; reason: string };

/** A started plugin. */
export interface Started {
  /** The verdict on one record; text or bytes alone are its value. Throws the `Failure` that fails the batch. */
  run(message: Message | string | Uint8Array): Answer;
  /** The verdicts on a batch, in order. */
  runBatch(messages: readonly (Message | string | Uint8Array)[]): Answer[];
}

/** Starts a plugin as the host does. Throws what `init` throws, or a `ConfigError` where the configuration is wrong. */
export function start(
  plugin: Plugin<any>,
  config?: unknown,
  stage?: { outputs?: readonly string[]; stage?: string },
): Started;

/** What has been counted under a name in this process. */
export function counted(name: string): number;
