/** Sends the records whose value contains a text to an output of the pipeline; the others go on. */

import {
  Bytes, Config, Fields, Plugin, Record, Stage, Verdict,
  emit, keep, register,
} from "sluicebox-plugin-assemblyscript/assembly";

class Route extends Plugin {
  private contains: Bytes;
  private output: string;

  constructor(config: Config, stage: Stage) {
    super(Fields.VALUE);
    this.contains = Bytes.of(config.string("contains"));
    this.output = config.output("output", stage);
  }

  process(record: Record): Verdict {
    const value = record.value;
    if (value === null || !value.includes(this.contains)) return keep;
    return emit().to(this.output);
  }
}

register<Route>();
