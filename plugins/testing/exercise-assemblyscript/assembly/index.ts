/** Does what the value of a record says: for the tests that hold every language to the same answers. */

import {
  Bytes, Config, Fields, NO_TIMESTAMP, Plugin, Record, Stage, Verdict,
  count, drop, emit, emitAll, failFatal, failRetry, keep, log, register, reject, retry,
} from "sluicebox-plugin-assemblyscript/assembly";

class Exercise extends Plugin {
  private keepAll: bool;
  private greeting: string;

  constructor(config: Config, private stage: Stage) {
    super(Fields.ALL);
    this.greeting = config.stringOr("greeting", "hello");
    this.keepAll = config.boolOr("keep", false);
  }

  process(record: Record): Verdict {
    if (this.keepAll) return keep;
    const value = record.value;
    if (value === null) return keep;
    const space = value.indexOfByte(0x20);
    const command = (space < 0 ? value : value.slice(0, space)).toString();
    const argument = space < 0 ? "" : value.slice(space + 1).toString();
    return this.obey(command, argument, record);
  }

  private obey(command: string, argument: string, record: Record): Verdict {
    if (command == "drop") return drop;
    if (command == "set") return emit().value(argument);
    if (command == "null") return emit().nullValue();
    if (command == "empty") return emit().value("");
    if (command == "key") return emit().key(argument);
    if (command == "null-key") return emit().nullKey();
    if (command == "headers") return emit().headers(record.headers).header("added", "1").nullHeader("none");
    if (command == "no-headers") return emit().noHeaders();
    if (command == "timestamp") return emit().timestamp(I64.parseInt(argument));
    if (command == "to") return emit().to(argument);
    if (command == "two") return emitAll([emit().value("one"), emit().value("two").to("audit")]);
    if (command == "nothing") return emitAll([]);
    if (command == "reject") return reject(argument);
    if (command == "retry") return retry(argument);
    if (command == "fail-retry") return failRetry(argument);
    if (command == "fail-fatal") return failFatal(argument);
    if (command == "throw") this.stumble(argument);
    if (command == "log") return this.log(argument);
    if (command == "count") return this.count(argument);
    if (command == "greet") return emit().value(this.greeting);
    if (command == "stage") return emit().value(this.stage.name);
    if (command == "outputs") return emit().value(this.stage.outputs.join(","));
    if (command == "echo") return emit().value(echo(record));
    return keep;
  }

  private stumble(text: string): void {
    fall(text);
  }

  private log(argument: string): Verdict {
    const words = argument.split(" ");
    const text = words.slice(1).join(" ");
    if (words[0] == "error") log.error(text);
    if (words[0] == "warn") log.warn(text);
    if (words[0] == "info") log.info(text);
    if (words[0] == "debug") log.debug(text);
    return keep;
  }

  private count(argument: string): Verdict {
    const words = argument.split(" ");
    count(words[0], U64.parseInt(words[1]));
    return keep;
  }
}

function fall(text: string): void {
  throw new Error(text);
}

function echo(record: Record): string {
  const headers = record.headers;
  const texts: string[] = [];
  while (headers.next()) texts.push(`${headers.name}:${text(headers.value)}`);
  const timestamp = record.timestamp == NO_TIMESTAMP ? "null" : record.timestamp.toString();
  const source = record.source;
  const topic = source === null ? "null" : source.topic;
  const partition = source === null ? "null" : source.partition.toString();
  const offset = source === null ? "null" : source.offset.toString();
  return `key=${text(record.key)};headers=${texts.join(",")};timestamp=${timestamp};topic=${topic};partition=${partition};offset=${offset}`;
}

function text(bytes: Bytes | null): string {
  return bytes === null ? "null" : bytes.toString();
}

register<Exercise>();
