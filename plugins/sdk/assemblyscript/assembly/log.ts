/** Messages into the host's log, which marks them with the pipeline and the stage. Bounded in length and rate by the host. */

import { Buffer } from "./buffer";

// @ts-ignore: decorator
@external("sluicebox:plugin/log@0.1.0", "write")
declare function hostWrite(level: u32, message: usize, length: i32): void;

const scratch = new Buffer();

export namespace log {
  /** How much a message matters. */
  export enum Level {
    ERROR,
    WARN,
    INFO,
    DEBUG,
  }

  /** Somebody has to look. */
  export function error(message: string): void {
    write(Level.ERROR, message);
  }

  /** Somebody should look some time. */
  export function warn(message: string): void {
    write(Level.WARN, message);
  }

  /** Worth knowing. */
  export function info(message: string): void {
    write(Level.INFO, message);
  }

  /** For debugging. */
  export function debug(message: string): void {
    write(Level.DEBUG, message);
  }

  /** Logs at a level. */
  export function write(level: Level, message: string): void {
    const text = scratch.clear().push(message);
    hostWrite(level, text.at, text.length);
  }
}
