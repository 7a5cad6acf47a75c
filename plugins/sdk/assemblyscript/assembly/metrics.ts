/** Counters, which the host adds up under the pipeline, the stage and their name. */

import { Buffer } from "./buffer";

// @ts-ignore: decorator
@external("sluicebox:plugin/metrics@0.1.0", "count")
declare function hostCount(name: usize, length: i32, delta: u64): void;

const scratch = new Buffer();

/** Adds to a counter. A call leaves the sandbox: count in the plugin and report now and then where that matters. */
export function count(name: string, delta: u64 = 1): void {
  const text = scratch.clear().push(name);
  hostCount(text.at, text.length, delta);
}
