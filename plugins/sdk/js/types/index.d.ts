/**
 * Write Sluicebox plugins in JavaScript and TypeScript: an `init` and one function from a record to a verdict.
 */

import type { ConfigOf, Types } from './config.js';

/** A field of a record that a plugin reads. */
export type Field = 'key' | 'value' | 'headers' | 'timestamp' | 'source';

/** A header: its name and value. Names may repeat; a value may be null. */
export type Header = readonly [name: string, value: Uint8Array | null];

/** Where a record came from, in the pipeline's input. */
export interface Source {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/**
 * One record as it comes in. It reads a field when it is asked for it, each time anew, and is good until the function that
 * judges it returns: keep what you took from it, not the record. What `needs` does not name is null or empty.
 */
export interface InputRecord {
  /** The key. Null is not empty. */
  readonly key: Uint8Array | null;
  /** The value; null is a tombstone, which is not the same as empty. */
  readonly value: Uint8Array | null;
  /** The headers in their order. */
  readonly headers: readonly Header[];
  /** Milliseconds since the epoch; null where the record has none. */
  readonly timestamp: number | null;
  /** Where it came from; null where `needs` does not name it. */
  readonly source: Source | null;
  /** The value as text; null where it is null. A value that is not UTF-8 rejects the record, unless you catch the error. */
  text(): string | null;
  /**
   * The value, read as JSON; undefined where it is null. A value that is not JSON rejects the record, unless you catch the
   * error. `json<Order>()` says what you expect; whether it is so is yours to check.
   */
  json<T = unknown>(): T | undefined;
  /** The key as text. */
  keyText(): string | null;
  /** The value of the last header with this name; null where there is none, or its value is null. */
  header(name: string): Uint8Array | null;
  /** The same as text. */
  headerText(name: string): string | null;
}

/** What a record that a plugin emits has other than the one that came in. What is not set is inherited. */
export interface Changes {
  /**
   * The output it goes to, at once, past the rest of the chain. A name that the pipeline does not have makes a dead letter
   * of the record: ask `stage.checkOutput` in `init`.
   */
  to?: string | undefined;
  key?: string | Uint8Array | null | undefined;
  /** Null makes a tombstone. */
  value?: string | Uint8Array | null | undefined;
  /** The whole list, in place of the one that came in. To add one: `[...record.headers, ['name', 'value']]`. */
  headers?: readonly (readonly [name: string, value: string | Uint8Array | null])[] | undefined;
  /** Milliseconds since the epoch. */
  timestamp?: number | bigint | undefined;
}

declare const verdict: unique symbol;
declare const emitted: unique symbol;

/** A record to emit: a verdict, or one of a list that is one. */
export interface Emit {
  readonly [emitted]: true;
}

/** A verdict made by `keep`, `drop`, `reject` or `retry`. */
export interface Word {
  readonly [verdict]: true;
}

/** What a plugin says of a record. An empty list is `drop`. */
export type Verdict = Word | Emit | readonly Emit[];

/** It goes on as it came. */
export const keep: Word;
/** It ends here; nothing is written. */
export const drop: Word;
/** This goes on in its place. */
export function emit(changes?: Changes): Emit;
/** The plugin refuses it: a dead letter with this reason, unless the stage's `on_error` says otherwise. */
export function reject(reason: string): Word;
/** Not now: the host calls again with this record after a backoff, with a bound; the other verdicts of its batch stand. */
export function retry(reason: string): Word;

/** What a plugin is told of its stage. */
export interface Stage {
  /** Its name in the pipeline file. */
  readonly name: string;
  /** The names of the pipeline's outputs, `default` included. */
  readonly outputs: readonly string[];
  /** Throws a `ConfigError` where the pipeline has no such output. To be asked in `init` of every name that `config` has. */
  checkOutput(name: string): void;
}

/** Judges one record. An error that it throws rejects that record, with its message and stack, see `Failure` and `Rejected`. */
export type Process = (record: InputRecord) => Verdict;

/** A plugin: what a stage runs. */
export interface Plugin<T extends Types = Types> {
  /** The keys of the stage's `config:` and their types, from `sluicebox-plugin/config`. Without it, it has none. */
  config?: T;
  /** The fields that are read. Others are not copied into the plugin. A function where that depends on the configuration. */
  needs: readonly Field[] | ((config: ConfigOf<T>) => readonly Field[]);
  /**
   * Starts an instance, and returns the function that judges its records. Throw a `ConfigError` for whoever wrote the
   * pipeline file: name the key that is wrong, and say what would be right.
   */
  init(config: ConfigOf<T>, stage: Stage): Process;
}

/** Types a plugin and checks it. The result is the default export of `src/plugin.ts` or `src/plugin.js`. */
export function definePlugin<const T extends Types = {}>(plugin: Plugin<T>): Plugin<T>;

/** A wrong configuration, shown to the author of the pipeline file by its message alone. */
export class ConfigError extends Error {}

/** Refuses the record at hand, from however deep: its message is the reason, without a stack. */
export class Rejected extends Error {}

/** Fails the whole batch, whatever was said of the records before: throw it. */
export class Failure extends Error {
  private constructor();
  /** Something that may pass: the host calls again after a backoff, with a bound. */
  static retry(reason: string): Failure;
  /** Something failed that neither a retry nor a dead letter fixes: the pipeline stops and commits nothing of the batch. */
  static fatal(reason: string): Failure;
}

/** Messages into the host's log, which marks them with the pipeline and the stage. Bounded in length and rate. */
export const log: Readonly<Record<'error' | 'warn' | 'info' | 'debug', (...parts: unknown[]) => void>>;

/**
 * Adds to a counter, which the host adds up under the pipeline, the stage and the name. A call leaves the sandbox: count in
 * the plugin and report now and then where that matters.
 */
export function count(name: string, delta?: number | bigint): void;
