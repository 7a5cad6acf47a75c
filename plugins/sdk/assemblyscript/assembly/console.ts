/** What stands in for the compiler's own `console` and `trace`: the host's log. */

import { log as host } from "./log";

export namespace console {
  export function error(message: string = ""): void {
    host.error(message);
  }

  export function warn(message: string = ""): void {
    host.warn(message);
  }

  export function info(message: string = ""): void {
    host.info(message);
  }

  export function log(message: string = ""): void {
    host.info(message);
  }

  export function debug(message: string = ""): void {
    host.debug(message);
  }
}

export function trace(message: string, n: i32 = 0, a0: f64 = 0, a1: f64 = 0, a2: f64 = 0, a3: f64 = 0, a4: f64 = 0): void {
  const values = [a0, a1, a2, a3, a4];
  for (let at = 0; at < min(n, 5); at++) message += ` ${values[at]}`;
  host.debug(message);
}
