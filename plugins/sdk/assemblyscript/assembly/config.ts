/** Reads a stage's configuration field by field, with errors for the author of the pipeline file. */

import { Bytes } from "./bytes";
import { MISSING, OWN, note } from "./failure";
import { JsonKind, JsonReader, NOT_WHOLE, jsonKind, jsonNumber, jsonText, jsonWhole } from "./json";
import { Stage } from "./stage";

/**
 * A stage's `config:`, or a map in it. Each key is asked for with the type that it has to have; one that was not asked
 * for when the constructor ends is an unknown key. What is wrong makes the start fail, with an error that names the key;
 * as AssemblyScript has no exceptions, the constructor goes on all the same, with an empty value.
 */
export class Config {
  private keys: string[] = [];
  private values: Bytes[] = [];
  private asked: string[] = [];

  constructor(private path: string, json: Bytes) {
    maps.push(this);
    if (jsonKind(json) != JsonKind.NULL) this.read(json);
  }

  /** Whether there is a value for a key. */
  has(key: string): bool {
    this.know(key);
    return this.keys.includes(key);
  }

  string(key: string): string {
    const value = this.required(key);
    return value === null ? "" : textOf(this.pathOf(key), value);
  }

  stringOr(key: string, otherwise: string): string {
    return this.has(key) ? this.string(key) : otherwise;
  }

  /** The name of one of the pipeline's outputs. */
  output(key: string, stage: Stage): string {
    const name = this.string(key);
    const error = stage.checkOutput(name);
    if (error !== null) this.fail(key, error);
    return name;
  }

  bool(key: string): bool {
    const value = this.required(key);
    if (value === null) return false;
    const kind = jsonKind(value);
    if (kind != JsonKind.TRUE && kind != JsonKind.FALSE) wrong(this.pathOf(key), "a boolean", value);
    return kind == JsonKind.TRUE;
  }

  boolOr(key: string, otherwise: bool): bool {
    return this.has(key) ? this.bool(key) : otherwise;
  }

  number(key: string): f64 {
    const value = this.required(key);
    if (value === null) return 0;
    if (jsonKind(value) == JsonKind.NUMBER) return jsonNumber(value);
    wrong(this.pathOf(key), "a number", value);
    return 0;
  }

  numberOr(key: string, otherwise: f64): f64 {
    return this.has(key) ? this.number(key) : otherwise;
  }

  /** A whole number within 2^53 - 1. */
  integer(key: string): i64 {
    const value = this.required(key);
    if (value === null) return 0;
    const whole = jsonKind(value) == JsonKind.NUMBER ? jsonWhole(value) : NOT_WHOLE;
    if (whole != NOT_WHOLE) return whole;
    wrong(this.pathOf(key), "a whole number", value);
    return 0;
  }

  integerOr(key: string, otherwise: i64): i64 {
    return this.has(key) ? this.integer(key) : otherwise;
  }

  /** A list of strings. */
  strings(key: string): string[] {
    const elements = this.list(key);
    const texts: string[] = [];
    for (let n = 0; n < elements.length; n++) texts.push(textOf(`${this.pathOf(key)}[${n}]`, elements[n]));
    return texts;
  }

  stringsOr(key: string, otherwise: string[]): string[] {
    return this.has(key) ? this.strings(key) : otherwise;
  }

  /** A map in this one; an empty one where it is missing. */
  map(key: string): Config {
    return this.has(key) ? new Config(this.pathOf(key), this.json(key)) : new Config(this.pathOf(key), Bytes.of("null"));
  }

  /** A list of maps. */
  maps(key: string): Config[] {
    const elements = this.list(key);
    const maps: Config[] = [];
    for (let n = 0; n < elements.length; n++) maps.push(new Config(`${this.pathOf(key)}[${n}]`, elements[n]));
    return maps;
  }

  /** The JSON text of a value of any type: `null` where it is missing. */
  json(key: string): Bytes {
    return this.has(key) ? this.values[this.keys.lastIndexOf(key)] : Bytes.of("null");
  }

  /** Says what is wrong with the value of a key: the start fails with `config.KEY: REASON`. */
  fail(key: string, reason: string): void {
    note(OWN, `${this.pathOf(key)}: ${reason}`);
  }

  /** Notes the first key that was not asked for. */
  checkUnknown(): void {
    for (let n = 0; n < this.keys.length; n++) {
      const key = this.keys[n];
      if (this.asked.includes(key)) continue;
      return note(this.values[n].at, `${this.pathOf(key)}: unknown key, expected ${alternatives(this.asked)}`);
    }
  }

  private read(json: Bytes): void {
    const reader = new JsonReader();
    if (!reader.openMap(json)) wrong(this.path, "a map", json);
    while (reader.next()) {
      this.keys.push(reader.keyText());
      this.values.push(reader.value.slice(0));
    }
  }

  private know(key: string): void {
    if (!this.asked.includes(key)) this.asked.push(key);
  }

  private pathOf(key: string): string {
    return `${this.path}.${key}`;
  }

  private required(key: string): Bytes | null {
    if (this.has(key)) return this.json(key);
    note(MISSING, `${this.pathOf(key)}: missing`);
    return null;
  }

  private list(key: string): Bytes[] {
    const elements: Bytes[] = [];
    const value = this.required(key);
    if (value === null) return elements;
    const reader = new JsonReader();
    if (!reader.openList(value)) wrong(this.pathOf(key), "a list", value);
    while (reader.next()) elements.push(reader.value.slice(0));
    return elements;
  }
}

let maps: Config[] = [];

/** Notes unknown keys of all maps that were read, when the plugin has asked for what it knows. */
export function finishConfig(): void {
  for (let n = 0; n < maps.length; n++) maps[n].checkUnknown();
  maps = [];
}

function textOf(path: string, value: Bytes): string {
  if (jsonKind(value) == JsonKind.TEXT) return jsonText(value);
  wrong(path, "a string", value);
  return "";
}

function wrong(path: string, expected: string, value: Bytes): void {
  note(value.at, `${path}: expected ${expected}, found ${describe(value)}`);
}

/** A value as someone would name it who knows YAML. */
function describe(value: Bytes): string {
  switch (jsonKind(value)) {
    case JsonKind.TEXT: return `the text "${jsonText(value)}"`;
    case JsonKind.NUMBER: return `the number ${value}`;
    case JsonKind.LIST: return "a list";
    case JsonKind.MAP: return "a map";
    default: return value.toString();
  }
}

/** `a`, `a or b`, `a, b or c`, by the alphabet. */
function alternatives(known: string[]): string {
  const keys = known.slice(0).sort();
  if (keys.length == 0) return "none";
  const last = keys[keys.length - 1];
  return keys.length == 1 ? last : `${keys.slice(0, -1).join(", ")} or ${last}`;
}
