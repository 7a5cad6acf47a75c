// The JSON reader against that of JavaScript.

import assert from "node:assert/strict";
import { test } from "node:test";

import { start } from "../testing.mjs";
import { build } from "./build.mjs";

const plugin = start(build("json-guest"));
const say = (command, text) => {
  const value = Buffer.concat([Buffer.from(`${command} `), Buffer.from(text)]);
  return plugin.run({ value }).emits[0].value;
};

/** What the guest has to read of a text. */
function expected(text) {
  let parsed;
  try {
    const decoded = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text);
    // Half a surrogate pair has no UTF-8: it becomes U+FFFD.
    parsed = JSON.parse(decoded, (_, value) => (typeof value === "string" ? value.toWellFormed() : value));
  } catch {
    return "not JSON";
  }
  return typeof parsed === "object" && parsed !== null ? parsed : "not JSON";
}

function check(text) {
  const wanted = expected(text);
  const said = say("json", text);
  if (wanted === "not JSON") assert.equal(said, wanted, text.toString());
  else assert.deepEqual(JSON.parse(said), wanted, text.toString());
}

/** Numbers that repeat from run to run. */
function randomly(seed) {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

function randomValue(random, depth) {
  const pick = (...choices) => choices[random(choices.length)];
  const space = () => pick("", "", "", " ", "\n\t", "\r");
  const text = () => `"${Array.from({ length: random(6) }, () => pick("a", "ü", "€", "😀", '\\"', "\\\\", "\\/", "\\b", "\\u00fc", "\\ud83d\\ude00", "\u007f", "        ")).join("")}"`;
  const members = (member) => Array.from({ length: random(4) }, (_, n) => space() + member(n) + space()).join(",");
  switch (random(depth > 3 ? 4 : 6)) {
    case 0: return text();
    case 1: return pick("0", "-0", "12", "-3.25", "1e3", "2E-2", "0.5e+1");
    case 2: return pick("true", "false", "null");
    case 3: return text();
    case 4: return `[${members(() => randomValue(random, depth + 1))}]`;
    default: return `{${members((n) => `"${n}${pick("", "ü", "\\n")}"${space()}:${space()}${randomValue(random, depth + 1)}`)}}`;
  }
}

test("whatever is JSON is read, and whatever is not is refused", () => {
  const random = randomly(7);
  for (let round = 0; round < 3000; round++) {
    const text = Buffer.from(`${"{["[random(2)] === "{" ? `{"k":${randomValue(random, 0)}}` : `[${randomValue(random, 0)}]`}`);
    check(text);
    for (let damage = 0; damage < 4; damage++) {
      const at = random(text.length);
      const by = Buffer.from(["", ",", "}", '"', "\\", "0", "-", "e", ".", "\x01", "x", " "][random(12)]);
      check(Buffer.concat([text.subarray(0, at), by, text.subarray(at + random(2))]));
      check(Buffer.concat([text.subarray(0, at), Buffer.from([random(256)]), text.subarray(at + 1)]));
    }
  }
});

test("the corners of the grammar", () => {
  for (const text of [
    "", " ", "{", "[", "{}", "[]", " [ ] ", "[,]", "[1,]", '{"a":1,}', '{"a"}', '{"a":}', "{a:1}", "[01]", "[1.]", "[.5]", "[-]", "[+1]", "[1e]",
    "[1e+]", "[NaN]", "[Infinity]", "[nul]", "[nulll]", "[tru]", "[truefalse]", "[fals]", "[falsey]", '["]', '["\\', '["\\u12', '["\\u12g4"]', '["\\x"]', '["\t"]',
    "[1] 2", "[1]]", "[1 2]", '{"a" 1}', "[/**/]", "\ufeff[]", "[1]\u00a0", "['a']", '["\u2028"]', "[\u000b1]", "5", "null", '"a"',
  ]) {
    check(Buffer.from(text));
  }
});

test("depth is bounded, at 512", () => {
  const nested = (depth) => "[".repeat(depth) + "]".repeat(depth);
  assert.notEqual(say("json", nested(64)), "not JSON");
  assert.notEqual(say("json", nested(512)), "not JSON");
  assert.equal(say("json", nested(513)), "not JSON");
  assert.equal(say("json", nested(100_000)), "not JSON");
});

test("whole numbers are whole in any notation", () => {
  const whole = { "3": "3", "3.0": "3", "3e0": "3", "30e-1": "3", "0.3E1": "3", "-0": "0", "0.000": "0", "0e99999999999": "0", "-12.50e2": "-1250", "9007199254740991": "9007199254740991", "-90071992547409910.0e-1": "-9007199254740991", "1e15": "1000000000000000" };
  for (const [text, value] of Object.entries(whole)) assert.equal(say("whole", text), value, text);
  for (const text of ["3.5", "1e-1", "9007199254740992", "1e16", "1e400", "1e99999999999", "1e-99999999999", "123456789012345678901234567890", "0.1e0"]) {
    assert.equal(say("whole", text), "no", text);
  }
  assert.equal(say("number", "-12.5e1"), "-125.0");
});

test("integers are written in digits", () => {
  for (const text of ["0", "7", "-1", "10", "-9223372036854775808", "9223372036854775807"]) assert.equal(say("integer", text), text);
});

test("a text is quoted as JSON has it", () => {
  for (const text of ["", "plain", 'a "quoted" \\ text', "\u0000\u001f\n", "ü€😀", '"', '\n\n"']) {
    assert.equal(JSON.parse(say("quote", text)), text);
  }
});
