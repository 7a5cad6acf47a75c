/** What a plugin is: the class to extend. */

import { Config } from "./config";
import { Fields } from "./fields";
import { Record } from "./record";
import { Stage } from "./stage";
import { Verdict } from "./verdict";

/**
 * A plugin: what a stage runs. Its constructor takes the stage's `Config` and the `Stage`, and hands on to `super` the
 * fields of a record that `process` reads. `register` it once, at the top level of `assembly/index.ts`.
 */
export abstract class Plugin {
  constructor(readonly needs: Fields) {}

  /** Judges one record, which is good until this returns. */
  abstract process(record: Record): Verdict;
}

/** How the plugin is made. */
export let make: ((config: Config, stage: Stage) => Plugin) | null = null;

/** Exports a plugin class from the component. */
export function register<T extends Plugin>(): void {
  make = (config: Config, stage: Stage): Plugin => instantiate<T>(config, stage);
}
