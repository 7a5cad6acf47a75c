/**
 * The canonical ABI by hand. Results stay in buffers that are kept until the next call, and there is no post-return
 * function, so the host reads them in place.
 */

import "./abort"; // for the options in asconfig.json
import { answer } from "./answer";
import { release, request, reuse } from "./arguments";
import { Buffer } from "./buffer";
import { Bytes } from "./bytes";
import "./console"; // as abort
import { Config, finishConfig } from "./config";
import { failure } from "./failure";
import { collectGarbage } from "./garbage";
import { NAME, VERSION } from "./manifest";
import { INPUT_ENTRY } from "./packed";
import { Plugin, make } from "./plugin";
import { Record } from "./record";
import { Stage } from "./stage";
import { decode } from "./utf8";
import { Code, Refusal } from "./verdict";

let plugin: Plugin | null = null;
const record = new Record();
/** The configuration: a `Config` has views of it, and a plugin may keep one. */
let configText: Bytes = new Bytes();
/** The texts of the last answer: the manifest, or an error. */
const texts = new Buffer();
/** The largest answer: a discriminant, then three lists. */
const words = memory.data(28, 8);

/** `lifecycle.init`: the stage's name, its configuration as JSON, and a list of the names of the outputs. */
export function init(name: usize, nameLength: i32, json: usize, jsonLength: i32, outputs: usize, outputCount: i32): usize {
  const outputNames: string[] = [];
  for (let n = 0; n < outputCount; n++) {
    const output = outputs + n * 8;
    outputNames.push(decode(load<usize>(output), load<i32>(output, 4)));
  }
  const stage = new Stage(decode(name, nameLength), outputNames);
  configText = new Bytes(json, jsonLength).copy();
  const config = new Config("config", configText);
  release();
  if (make === null) stage.fail("the plugin registers no class: call register<...>() in assembly/index.ts");
  else plugin = make!(config, stage);
  finishConfig();
  const error = failure();
  return error === null ? manifest(plugin!.needs) : initError(error);
}

/** `packed.process`. */
export function process(index: usize, indexLength: i32, data: usize, dataLength: i32): usize {
  reuse();
  const count = <i32>(<usize>indexLength / INPUT_ENTRY);
  answer.start(count);
  for (let n = 0; n < count; n++) {
    record.set(index + <usize>n * INPUT_ENTRY, data);
    if (!judge()) return words;
    answer.next();
    collectGarbage(); // here nothing is held on the stack
  }
  store<u32>(words, 0);
  storeList(4, answer.verdicts);
  storeList(12, answer.index);
  storeList(20, answer.data);
  return words;
}

/** The memory for an argument of the next call. */
export function cabi_realloc(old: usize, oldSize: i32, align: i32, size: i32): usize {
  return request(old, oldSize, size);
}

/** Has the plugin judge the record; false where it fails the batch. */
function judge(): bool {
  const verdict = plugin!.process(record);
  if (verdict.code == Code.KEEP) return true; // as the answer has it
  if (verdict.code >= Code.FAIL_RETRY) {
    failBatch(<Refusal>verdict);
    return false;
  }
  answer.push(verdict);
  return true;
}

/** An answer of `process` that fails the batch. */
function failBatch(failure: Refusal): void {
  store<u32>(words, 1);
  store<u32>(words, failure.code - Code.FAIL_RETRY, 4);
  store<usize>(words, answer.data.at + failure.at, 8);
  store<u32>(words, failure.length, 12);
}

/** An answer of `init`. */
function manifest(needs: u32): usize {
  texts.clear().push(NAME);
  const nameLength = texts.length;
  texts.push(VERSION);
  store<u32>(words, 0);
  store<usize>(words, texts.at, 4);
  store<u32>(words, nameLength, 8);
  store<usize>(words, texts.at + nameLength, 12);
  store<u32>(words, texts.length - nameLength, 16);
  store<u32>(words, needs, 20);
  return words;
}

/** An answer of `init`. */
function initError(error: string): usize {
  store<u32>(words, 1);
  storeList(4, texts.clear().push(error));
  return words;
}

/** Puts a list into the answer. */
function storeList(offset: usize, list: Buffer): void {
  store<usize>(words + offset, list.at);
  store<u32>(words + offset, list.length, 4);
}
