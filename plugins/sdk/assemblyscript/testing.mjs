// Runs a plugin in Node.js as the host does, through the same packed form:
//
//     const plugin = start("build/module.wasm", { config: { contains: "hello" } });
//     assert.deepEqual(plugin.run({ value: "hello" }), { verdict: "keep" });

import { readFileSync } from "node:fs";

const NULL = 0xffffffff;
const INHERITED = 0xfffffffe;
const NO_TIMESTAMP = -(2n ** 63n);
const VERDICTS = ["keep", "drop", "emit", "reject", "retry"];
const LEVELS = ["error", "warn", "info", "debug"];
const FIELDS = { key: 1, value: 2, headers: 4, timestamp: 8, source: 16 };

/**
 * Starts the plugin of a core module, which `asc` has made. An error of `init` is thrown with its message alone.
 * `config` is what the pipeline file says, or, as a string, JSON text.
 */
export function start(file, { config = null, stage = "test", outputs = ["default"] } = {}) {
  const plugin = new Started(readFileSync(file));
  plugin.init(stage, typeof config === "string" ? config : JSON.stringify(config), outputs);
  return plugin;
}

/** A started plugin. */
class Started {
  /** What it has logged: `{ level, message }`. */
  logged = [];
  /** What it has counted, by name. */
  counted = {};

  constructor(module) {
    const imports = {
      "sluicebox:plugin/log@0.1.0": {
        write: (level, at, length) => this.logged.push({ level: LEVELS[level], message: this.#text(at, length) }),
      },
      "sluicebox:plugin/metrics@0.1.0": {
        count: (at, length, delta) => {
          const name = this.#text(at, length);
          this.counted[name] = (this.counted[name] ?? 0n) + delta;
        },
      },
    };
    this.exports = new WebAssembly.Instance(new WebAssembly.Module(module), imports).exports;
  }

  init(stage, json, outputs) {
    const names = outputs.map((output) => this.#pass(Buffer.from(output)));
    const list = Buffer.alloc(names.length * 8);
    names.flat().forEach((word, n) => list.writeUInt32LE(word, n * 4));
    const passed = [...this.#pass(Buffer.from(stage)), ...this.#pass(Buffer.from(json)), this.#pass(list)[0], names.length];
    const answer = this.exports["sluicebox:plugin/lifecycle@0.1.0#init"](...passed);
    const word = (n) => this.#memory.readUInt32LE(answer + n * 4);
    if (word(0) !== 0) throw new Error(this.#text(word(1), word(2)));
    this.name = this.#text(word(1), word(2));
    this.version = this.#text(word(3), word(4));
    this.needs = word(5);
  }

  /** The verdict on one record: `{ key, value, headers, timestamp, source }`, each of them as text, bytes or null. */
  run(record) {
    return this.runBatch([record])[0];
  }

  /** The verdicts on a batch, in order. A batch that fails throws an error with `failure` `retry` or `fatal`. */
  runBatch(records) {
    return this.runPacked(pack(records, this.needs), records.length);
  }

  /** The same of a batch that `pack` has made. */
  runPacked({ index, data }, count) {
    const process = this.exports["sluicebox:plugin/packed@0.1.0#process"];
    const answer = process(...this.#pass(index), ...this.#pass(data));
    const word = (n) => this.#memory.readUInt32LE(answer + n * 4);
    if (word(0) !== 0) {
      throw Object.assign(new Error(this.#text(word(2), word(3))), { failure: ["retry", "fatal"][word(1)] });
    }
    const list = (n) => this.#memory.subarray(word(n), word(n) + word(n + 1));
    return unpack(count, list(1), list(3), list(5));
  }

  get #memory() {
    return Buffer.from(this.exports.memory.buffer);
  }

  /** Puts bytes where the plugin wants them: their address and length. */
  #pass(bytes) {
    const at = this.exports.cabi_realloc(0, 0, 1, bytes.length);
    bytes.copy(this.#memory, at);
    return [at, bytes.length];
  }

  #text(at, length) {
    return this.#memory.toString("utf8", at, at + length);
  }
}

/** Packs records with those fields that are needed. */
export function pack(records, needs = 31) {
  const index = Buffer.alloc(records.length * 56);
  const chunks = [];
  let length = 0;
  const append = (bytes) => {
    const at = length;
    chunks.push(bytes);
    length += bytes.length;
    return at;
  };
  const put = (at, bytes) => {
    index.writeUInt32LE(bytes === null ? 0 : append(bytes), at);
    index.writeUInt32LE(bytes === null ? NULL : bytes.length, at + 4);
  };
  records.forEach((record, n) => {
    const asked = (field, otherwise) => ((needs & FIELDS[field]) !== 0 ? (record[field] ?? otherwise) : otherwise);
    const at = n * 56;
    put(at, toBytes(asked("key", null)));
    put(at + 8, toBytes(asked("value", null)));
    const headers = asked("headers", []);
    index.writeUInt32LE(length, at + 16);
    index.writeUInt32LE(headers.length, at + 20);
    for (const [name, value] of headers) append(packHeader(toBytes(name), toBytes(value)));
    index.writeBigInt64LE(BigInt(asked("timestamp", NO_TIMESTAMP)), at + 24);
    const source = asked("source", null);
    index.writeBigInt64LE(BigInt(source?.offset ?? -1), at + 32);
    index.writeInt32LE(source?.partition ?? -1, at + 40);
    put(at + 44, toBytes(source?.topic ?? null));
  });
  return { index, data: Buffer.concat(chunks) };
}

function packHeader(name, value) {
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(name.length, 0);
  lengths.writeUInt32LE(value?.length ?? NULL, 4);
  return Buffer.concat([lengths, name, value ?? Buffer.alloc(0)]);
}

function toBytes(value) {
  return value === null ? null : Buffer.from(value);
}

function unpack(count, verdicts, index, data) {
  if (verdicts.length !== count) throw new Error("there is not one verdict for each record");
  let at = 0;
  const entries = (record) => {
    const from = at;
    while (at < index.length && index.readUInt32LE(at) === record) at += 48;
    return Array.from({ length: (at - from) / 48 }, (_, n) => index.subarray(from + n * 48, from + (n + 1) * 48));
  };
  const read = Array.from(verdicts, (code, record) => readVerdict(VERDICTS[code], entries(record), data));
  if (at !== index.length) throw new Error("an entry is out of order, or of a record that the batch does not have");
  return read;
}

function readVerdict(verdict, entries, data) {
  if (verdict === "emit") return { verdict, emits: entries.map((entry) => readEmit(entry, data)) };
  if (verdict === "keep" || verdict === "drop") {
    if (entries.length !== 0) throw new Error("a keep or drop has entries");
    return { verdict };
  }
  if (entries.length !== 1) throw new Error("a reject or retry has not exactly one entry");
  return { verdict, reason: readField(entries[0], 20, data) };
}

/** What an emit sets; what it inherits is not there. */
function readEmit(entry, data) {
  const emit = {};
  const output = readField(entry, 4, data);
  if (output !== null) emit.output = output;
  for (const [name, at] of [["key", 12], ["value", 20]]) {
    if (entry.readUInt32LE(at + 4) !== INHERITED) emit[name] = readField(entry, at, data);
  }
  const count = entry.readUInt32LE(32);
  if (count !== INHERITED) emit.headers = readHeaders(data, entry.readUInt32LE(28), count);
  const timestamp = entry.readBigInt64LE(40);
  if (timestamp !== NO_TIMESTAMP) emit.timestamp = Number(timestamp);
  return emit;
}

function readField(entry, at, data) {
  return readText(data, entry.readUInt32LE(at), entry.readUInt32LE(at + 4));
}

function readText(data, at, length) {
  if (length === NULL) return null;
  if (at + length > data.length) throw new Error("a field reaches past the end of data");
  return data.toString("utf8", at, at + length);
}

function readHeaders(data, at, count) {
  return Array.from({ length: count }, () => {
    const [nameLength, valueLength] = [data.readUInt32LE(at), data.readUInt32LE(at + 4)];
    const name = readText(data, at + 8, nameLength);
    const value = readText(data, at + 8 + nameLength, valueLength);
    at += 8 + nameLength + (valueLength === NULL ? 0 : valueLength);
    return [name, value];
  });
}
