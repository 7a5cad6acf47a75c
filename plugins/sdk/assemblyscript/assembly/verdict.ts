/** What a plugin says of a record. */

import { answer } from "./answer";
import { Emit } from "./emit";

/** The verdicts as the interface numbers them, and three that it does not know. */
export enum Code {
  KEEP,
  DROP,
  EMIT,
  REJECT,
  RETRY,
  EMIT_ALL,
  FAIL_RETRY,
  FAIL_FATAL,
}

/** What a plugin says of a record: `keep`, `drop`, or what `emit`, `emitAll`, `reject`, `retry` and the like make. */
export class Verdict {
  constructor(public code: Code) {}
}

/** It goes on as it came. */
export const keep = new Verdict(Code.KEEP);

/** It ends here; nothing is written. */
export const drop = new Verdict(Code.DROP);

/** These go on in its place, each its own way. An empty list is `drop`. */
export function emitAll(emits: Emit[]): Verdict {
  several.emits = emits;
  return several;
}

/** The plugin refuses it: a dead letter with this reason, unless the stage's `on_error` says otherwise. */
export function reject(reason: string): Verdict {
  return refusal.set(Code.REJECT, reason);
}

/** Not now: the host calls again with this record after a backoff, with a bound; the verdicts on the others stand. */
export function retry(reason: string): Verdict {
  return refusal.set(Code.RETRY, reason);
}

/**
 * Fails the whole batch, whatever was said of the records before, over something that may pass: the host calls again
 * after a backoff, with a bound. State that the batch has changed in the plugin stays changed.
 */
export function failRetry(reason: string): Verdict {
  return refusal.set(Code.FAIL_RETRY, reason);
}

/** Fails the whole batch because of something that neither a retry nor a dead letter fixes: the pipeline stops and commits nothing of it. */
export function failFatal(reason: string): Verdict {
  return refusal.set(Code.FAIL_FATAL, reason);
}

/** The records that `emitAll` was given. */
export class EmitAll extends Verdict {
  emits: Emit[] = [];
}

/** A verdict with a reason, which lies in the answer's data. */
export class Refusal extends Verdict {
  record: u32 = 0;
  at: u32 = 0;
  length: u32 = 0;

  set(code: Code, reason: string): this {
    this.code = code;
    this.record = answer.record;
    this.at = answer.data.length;
    answer.data.push(reason);
    this.length = answer.data.length - this.at;
    return this;
  }
}

const several = new EmitAll(Code.EMIT_ALL);
const refusal = new Refusal(Code.REJECT);
