// Writes src/normalization/data.js from the Unicode data of the Node.js that runs it: `node scripts/normalization.mjs`.

import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const HANGUL = [0xac00, 0xd7a3];
/**
 * Marks of the lowest and of the second highest combining class: what is sorted before or behind one of them has a
 * class of its own.
 */
const [LOWEST, HIGH] = ['\u0334', '\u0345'];

const characters = [];
for (let code = 0x80; code < 0x110000; code++) {
  const isLeftOut = (code >= 0xd800 && code < 0xe000) || (code >= HANGUL[0] && code <= HANGUL[1]);
  if (!isLeftOut) characters.push(String.fromCodePoint(code));
}

/** What decomposes, in pairs; a `+` marks those that do not compose again. */
function canonical() {
  const entries = [];
  for (const character of characters) {
    const parts = [...character.normalize('NFD')];
    if (parts.join('') === character) continue;
    const composes = character.normalize('NFC') === character;
    // A pair, the first of which may decompose further.
    const first = parts.slice(0, -1).join('').normalize('NFC');
    const pair = composes && [...first].length === 1 ? first + parts.at(-1) : parts.join('');
    if (composes && [...pair].length !== 2) throw new Error(`U+${character.codePointAt(0).toString(16)} has no pair`);
    entries.push(composes ? character + pair : `${character}+${pair}`);
  }
  return entries;
}

function compatible() {
  const differs = (character) => character.normalize('NFKD') !== character.normalize('NFD');
  return characters.filter(differs).map((character) => character + character.normalize('NFKD'));
}

/**
 * The characters of each combining class, in the order of the classes. Normalization needs the order alone, not the
 * numbers.
 */
function classes() {
  const isReordered = (one, other) => (one + other).normalize('NFD') !== one + other;
  const isAlone = (character) => character.normalize('NFD') === character;
  const isMark = (mark) => isReordered(mark, LOWEST) || isReordered(HIGH, mark) || mark === LOWEST;
  const marks = characters.filter((character) => isAlone(character) && isMark(character));
  const sorted = [];
  for (const mark of marks) {
    const at = sorted.findIndex(([first]) => !isReordered(mark, first));
    if (at < 0) sorted.push([mark]);
    else if (isReordered(sorted[at][0], mark)) sorted.splice(at, 0, [mark]);
    else sorted[at].push(mark);
  }
  return sorted.map((group) => group.join(''));
}

const text = (entries) => JSON.stringify(entries.join('\n')).replace(/[\u007f-\u{10ffff}]/gu, escaped);
/** Marks on their own are hard to look at, and some editors change them. */
function escaped(character) {
  const codes = [...Array(character.length).keys()].map((n) => character.charCodeAt(n).toString(16));
  return codes.map((code) => `\\u${code.padStart(4, '0')}`).join('');
}

const output = fileURLToPath(new URL('../src/normalization/data.js', import.meta.url));
await writeFile(
  output,
  `// Unicode ${process.versions.unicode}, made by scripts/normalization.mjs: do not edit.

/** Each character with what it decomposes to; behind a \`+\` what does not compose to it again. */
export const canonical = ${text(canonical())};

/** Each character with its compatibility decomposition, where that differs. */
export const compatible = ${text(compatible())};

/** The characters of each combining class, the lowest class first. */
export const classes = ${text(classes())};
`,
);
