/** What stands in for the compiler's own `abort` and `seed`. */

import { failure } from "./failure";
import { log } from "./log";

let aborting = false;

/** Where `throw`, a failed `assert` and an index out of bounds end: logs what and where, and traps. */
export function abort(message: string | null = null, file: string | null = null, line: u32 = 0, column: u32 = 0): void {
  if (!aborting) { // the message may be what memory was too short for
    aborting = true;
    const place = file === null ? "" : ` (${file}:${line}:${column})`;
    const noted = failure();
    const before = noted === null ? "" : `${noted}; then `;
    log.error(before + (message === null ? "aborted" : message) + place);
  }
  unreachable();
}

/** Where `Math.random` starts: the sandbox has no randomness, so the numbers are the same in each instance. */
export function seed(): f64 {
  return 0.6180339887498949;
}
