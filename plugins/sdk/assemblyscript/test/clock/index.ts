/** Asks for the time of day, which a plugin does not have. */

import { Config, Fields, Plugin, Record, Stage, Verdict, drop, keep, register } from "sluicebox-plugin-assemblyscript/assembly";

class Clock extends Plugin {
  constructor(_config: Config, _stage: Stage) {
    super(Fields.NONE);
  }

  process(_record: Record): Verdict {
    return Date.now() > 0 ? keep : drop;
  }
}

register<Clock>();
