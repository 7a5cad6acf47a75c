// What a plugin says and reads, through the packed form.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { start } from "../testing.mjs";
import { build } from "./build.mjs";

const module = build("guest");
const run = (record, options) => start(module, options).run(record);
const valueOf = (value, options) => run({ value }, options).emits[0].value;
const error = (config, options) => {
  try {
    start(module, { config, ...options });
  } catch (error) {
    return error.message;
  }
  return null;
};

test("the exports are those of the interface, and nothing else is imported", () => {
  const compiled = new WebAssembly.Module(readFileSync(module));
  const names = (list) => list.map(({ module, name }) => (module ? `${module} ${name}` : name)).sort();
  assert.deepEqual(names(WebAssembly.Module.imports(compiled)), ["sluicebox:plugin/log@0.1.0 write"]);
  assert.deepEqual(names(WebAssembly.Module.exports(compiled)), [
    "cabi_realloc",
    "memory",
    "sluicebox:plugin/lifecycle@0.1.0#init",
    "sluicebox:plugin/packed@0.1.0#process",
  ]);
});

test("name and version are those of package.json", () => {
  const { name, version, needs } = start(module);
  assert.deepEqual({ name, version, needs }, { name: "guest", version: "1.2.3", needs: 31 });
  assert.equal(start(module, { config: { everything: false } }).needs, 2);
});

test("null, empty and inherited are three things", () => {
  const emitted = (record) => run(record).emits[0];
  assert.deepEqual(emitted({ value: "inputs", key: null }), { key: "inputs", value: null });
  assert.deepEqual(emitted({ value: "inputs", key: "" }), { key: "inputs", value: "" });
  assert.deepEqual(emitted({ value: "text " }), { value: "" });
});

test("the last header of a name counts", () => {
  const headers = [["h", "first"], ["ü", "x"], ["h", "last"], ["n", "x"], ["n", null]];
  const header = (name) => run({ value: `header ${name}`, headers }).emits[0].value;
  assert.deepEqual(["h", "ü", "n", "other"].map(header), ["last", "x", null, null]);
});

test("headers lie together, in whatever order things are set", () => {
  const [one, two] = run({ value: "interleaved", headers: [["in", "0"], ["none", null]] }).emits;
  const headers = [["in", "0"], ["none", null], ["a", "1"], ["b", null], ["c", "4"]];
  assert.deepEqual(one, { output: "audit", value: "of one", headers });
  assert.deepEqual(two, { key: "key of two", value: "of two", headers: [["two", "2"], ["three", "3"]] });
});

test("what is not UTF-8 is read with replacement characters", () => {
  for (const bytes of [[0xff], [0x61, 0xc3], [0xed, 0xa0, 0x80, 0x62], [0xf0, 0x9f, 0x98, 0x80], [0xc0, 0x80], [0xc3, 0xbc]]) {
    const value = Buffer.concat([Buffer.from("text "), Buffer.from(bytes)]);
    const text = valueOf(value);
    const isUtf8 = !Buffer.from(bytes).toString("utf8").includes("\ufffd");
    assert.equal(text.includes("\ufffd"), !isUtf8, bytes);
    if (isUtf8) assert.equal(text, Buffer.from(bytes).toString("utf8"));
  }
});

test("bytes are found", () => {
  assert.equal(valueOf("find abcabc|bc"), "1 false true false");
  assert.equal(valueOf("find abc|abcd"), "-1 false false false");
  assert.equal(valueOf("find abc|"), "0 true true false");
  assert.equal(valueOf("find ü|ü"), "0 true true true");
});

test("a failure fails the batch", () => {
  const batch = (value) => () => start(module).runBatch([{ value: "text x" }, { value }]);
  assert.throws(batch("fail-retry away"), { failure: "retry", message: "away" });
  assert.throws(batch("fail-fatal expired ü"), { failure: "fatal", message: "expired ü" });
});

test("what throws is logged with its place, and traps", () => {
  for (const [value, message] of [
    ["bounds 3", /Index out of range \(~lib\/(static)?array\.ts:/],
    ["kept-verdict", /a verdict is good for the record that it was made for/],
  ]) {
    const plugin = start(module);
    plugin.run({ value: "keep-verdict" });
    assert.throws(() => plugin.run({ value }), WebAssembly.RuntimeError);
    assert.equal(plugin.logged.at(-1).level, "error");
    assert.match(plugin.logged.at(-1).message, message);
  }
});

test("console and trace go to the log", () => {
  const plugin = start(module);
  plugin.run({ value: "console hällo" });
  assert.deepEqual(plugin.logged, [
    { level: "info", message: "hällo" },
    { level: "error", message: "hällo" },
    { level: "debug", message: "hällo 1.5 2.0" },
  ]);
});

test("random numbers are the same in each instance", () => {
  assert.equal(valueOf("random"), valueOf("random"));
});

test("memory does not grow with the number of records, and what is kept stays", () => {
  const plugin = start(module);
  const names = Array.from({ length: 50 }, (_, n) => `name-${n}`);
  const batch = names.flatMap((name) => [{ value: `remember ${name}` }, { value: "waste 20" }]);
  plugin.runBatch(batch);
  const size = () => plugin.exports.memory.buffer.byteLength;
  for (let round = 0; round < 20; round++) plugin.runBatch(batch);
  const before = size();
  for (let round = 0; round < 200; round++) {
    const verdicts = plugin.runBatch(batch);
    assert.equal(verdicts.at(-2).emits[0].value, "50");
  }
  assert.equal(size(), before);
  assert.ok(before < 8 << 20, `${before} bytes`);
});

test("large values and large batches come through", () => {
  assert.equal(valueOf("large 3000000").length, 3_000_000);
  const plugin = start(module);
  for (const count of [1, 5000, 3]) {
    const verdicts = plugin.runBatch(Array.from({ length: count }, (_, n) => ({ value: `text ${n}` })));
    assert.deepEqual(verdicts.map(({ emits }) => emits[0].value), Array.from({ length: count }, (_, n) => `${n}`));
  }
  const value = `text ${"ü".repeat(500_000)}`;
  assert.equal(plugin.run({ value }).emits[0].value, value.slice(5));
});

test("a configuration is read by type", () => {
  assert.equal(valueOf("settings"), "none 7 0.5 x  null");
  const config = { inner: { name: "ä\n" }, whole: 3.0, number: -1e3, texts: ["a", "b"], rules: [{ field: "f" }, { field: "g" }], any: [1, {}] };
  assert.equal(valueOf("settings", { config }), "ä\n 3 -1000.0 a+b fg [1,{}]");
});

test("what is wrong in a configuration is named", () => {
  assert.equal(error(null), null);
  assert.equal(error([]), "config: expected a map, found a list");
  assert.equal(error({ whole: 1.5 }), "config.whole: expected a whole number, found the number 1.5");
  assert.equal(error({ number: "1" }), 'config.number: expected a number, found the text "1"');
  assert.equal(error({ everything: null }), "config.everything: expected a boolean, found null");
  assert.equal(error({ texts: ["a", true] }), "config.texts[1]: expected a string, found true");
  assert.equal(error({ inner: 5 }), "config.inner: expected a map, found the number 5");
  assert.equal(error({ inner: { nme: 5 } }), "config.inner.nme: unknown key, expected name");
  assert.equal(error({ rules: [{ field: "f" }, {}] }), "config.rules[1].field: missing");
  assert.equal(error({ whole: -1 }), "config.whole: must not be negative");
  const known = "any, everything, inner, number, output, rules, texts or whole";
  assert.equal(error({ wole: 1, whole: [] }), `config.wole: unknown key, expected ${known}`);
  assert.equal(error({ whole: [], wole: 1 }), "config.whole: expected a whole number, found a list");
});

test("outputs are checked, with the nearest name", () => {
  const outputs = ["default", "audit"];
  assert.equal(error({ output: "audit" }, { outputs }), null);
  const none = "config.output: the pipeline has no output";
  const there = "its outputs are: default, audit";
  assert.equal(error({ output: "audti" }, { outputs }), `${none} \`audti\`; did you mean \`audit\`? ${there}`);
  assert.equal(error({ output: "eu" }, { outputs }), `${none} \`eu\`; ${there}`);
});

test("what asks for a clock is refused when it is compiled", () => {
  const stderr = (() => {
    try {
      build("clock", new URL("clock", import.meta.url).pathname);
    } catch (error) {
      return error.stderr.toString();
    }
  })();
  assert.match(stderr, /a plugin cannot import env\.Date\.now: the sandbox has no clock/);
});
