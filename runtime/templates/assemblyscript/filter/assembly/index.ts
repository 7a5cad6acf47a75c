/** Keeps the records whose value contains a text, and drops the others. */

import {
  Bytes, Config, Fields, Plugin, Record, Stage, Verdict,
  drop, keep, register,
} from "sluicebox-plugin-assemblyscript/assembly";

class Filter extends Plugin {
  private contains: Bytes;

  constructor(config: Config, _stage: Stage) {
    super(Fields.VALUE);
    this.contains = Bytes.of(config.string("contains"));
  }

  process(record: Record): Verdict {
    const value = record.value;
    if (value === null) return keep;
    return value.includes(this.contains) ? keep : drop;
  }
}

register<Filter>();
