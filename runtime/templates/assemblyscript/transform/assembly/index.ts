/** Puts a prefix before the value of every record. */

import {
  Buffer, Bytes, Config, Fields, Plugin, Record, Stage, Verdict,
  emit, keep, register, reject,
} from "sluicebox-plugin-assemblyscript/assembly";

class Transform extends Plugin {
  private prefix: Bytes;
  private answer: Buffer = new Buffer();

  constructor(config: Config, _stage: Stage) {
    super(Fields.VALUE);
    this.prefix = Bytes.of(config.string("prefix"));
  }

  process(record: Record): Verdict {
    const value = record.value;
    if (value === null) return keep;
    if (value.isEmpty) return reject("the value is empty");
    return emit().value(this.answer.clear().push(this.prefix).push(value));
  }
}

register<Transform>();
