/** What the tests of the SDK run: does what the value of a record says. */

import {
  Buffer, Bytes, Config, Fields, JsonKind, JsonReader, NOT_WHOLE, Plugin, Record, Stage, Verdict,
  emit, emitAll, failFatal, failRetry, jsonKind, jsonNumber, jsonText, jsonWhole, keep, register, reject,
} from "sluicebox-plugin-assemblyscript/assembly";

class Guest extends Plugin {
  private seen: Map<string, Bytes> = new Map<string, Bytes>();
  private kept: Verdict = keep;
  private settings: string;

  constructor(config: Config, stage: Stage) {
    super(config.boolOr("everything", true) ? Fields.ALL : Fields.VALUE);
    const inner = config.map("inner");
    const name = inner.stringOr("name", "none");
    const whole = config.integerOr("whole", 7);
    const number = config.numberOr("number", 0.5);
    const texts = config.stringsOr("texts", ["x"]);
    const rules = config.has("rules") ? config.maps("rules") : [];
    let fields = "";
    for (let n = 0; n < rules.length; n++) fields += rules[n].string("field");
    if (config.has("output")) config.output("output", stage);
    if (whole < 0) config.fail("whole", "must not be negative");
    if (texts.length == 0) throw new Error("thrown in init");
    this.settings = `${name} ${whole} ${number} ${texts.join("+")} ${fields} ${config.json("any")}`;
  }

  process(record: Record): Verdict {
    const value = record.value;
    if (value === null) return keep;
    const space = value.indexOfByte(0x20);
    const command = value.slice(0, space < 0 ? value.length : space).toString();
    const argument = space < 0 ? new Bytes() : value.slice(space + 1);
    if (command == "text") return emit().value(argument.toString());
    if (command == "quote") return emit().value(new Buffer().pushJsonText(argument.toString()));
    if (command == "json") return emit().value(describe(argument));
    if (command == "whole") return emit().value(jsonWhole(argument) == NOT_WHOLE ? "no" : jsonWhole(argument).toString());
    if (command == "number") return emit().value(jsonNumber(argument).toString());
    if (command == "settings") return emit().value(this.settings);
    if (command == "header") return emit().value(record.header(argument.toString()));
    if (command == "inputs") return emit().key(record.value).value(record.key);
    if (command == "interleaved") return interleaved(record);
    if (command == "remember") return this.remember(argument);
    if (command == "waste") return waste(I32.parseInt(argument.toString()));
    if (command == "integer") return emit().value(new Buffer().pushInteger(I64.parseInt(argument.toString())));
    if (command == "find") return emit().value(find(argument));
    if (command == "keep-verdict") this.kept = emit().value("stale");
    if (command == "kept-verdict") return this.kept;
    if (command == "fail-retry") return failRetry(argument.toString());
    if (command == "fail-fatal") return failFatal(argument.toString());
    if (command == "console") hostLog(argument.toString());
    if (command == "random") return emit().value(Math.random().toString());
    if (command == "bounds") return emit().value([1, 2, 3][I32.parseInt(argument.toString())].toString());
    if (command == "large") return emit().value("x".repeat(I32.parseInt(argument.toString())));
    if (command == "reject") return reject(argument.toString());
    return keep;
  }

  /** Keeps bytes over the records, and says how many there are. */
  private remember(argument: Bytes): Verdict {
    this.seen.set(argument.toString(), argument.copy());
    const keys = this.seen.keys();
    for (let n = 0; n < keys.length; n++) {
      if (this.seen.get(keys[n]).toString() != keys[n]) return reject(`${keys[n]} is lost`);
    }
    return emit().value(keys.length.toString());
  }
}

/** A JSON text as the reader sees it: its own form, with every string and number decoded. */
function describe(text: Bytes): string {
  const inner = new JsonReader();
  const isMap = inner.openMap(text);
  if (!isMap && !inner.openList(text)) return "not JSON";
  const parts: string[] = [];
  while (inner.next()) {
    const key = isMap ? new Buffer().pushJsonText(inner.keyText()).bytes.toString() + ":" : "";
    if (isMap && !inner.keyIs(inner.keyText())) return "a key is not itself";
    parts.push(key + describeValue(inner.value.slice(0)));
  }
  if (inner.failed) return "not JSON";
  return isMap ? `{${parts.join(",")}}` : `[${parts.join(",")}]`;
}

function describeValue(value: Bytes): string {
  const kind = jsonKind(value);
  if (kind == JsonKind.MAP || kind == JsonKind.LIST) return describe(value);
  if (kind == JsonKind.TEXT) return new Buffer().pushJsonText(jsonText(value)).bytes.toString();
  return value.toString();
}

/** Headers and other fields set in turns, on two records at once. */
function interleaved(record: Record): Verdict {
  const one = emit().headers(record.headers);
  const two = emit().header("two", "2").value("of two");
  one.header("a", "1").value("of one").nullHeader("b").to("audit");
  two.header(Bytes.of("three"), new Buffer().push("3")).key("key of two");
  return emitAll([one.header("c", "4"), two]);
}

function waste(kilobytes: i32): Verdict {
  let length = 0;
  for (let n = 0; n < kilobytes; n++) length += new Uint8Array(1000).length;
  return emit().value(length.toString());
}

function find(argument: Bytes): string {
  const words = argument.toString().split("|");
  const first = Bytes.of(words[0]);
  const second = Bytes.of(words[1]);
  return `${first.indexOf(second)} ${first.startsWith(second)} ${first.endsWith(second)} ${first.equals(second)}`;
}

function hostLog(text: string): void {
  console.log(text);
  console.error(text);
  trace(text, 2, 1.5, 2);
}

register<Guest>();
