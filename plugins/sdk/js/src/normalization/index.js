// `String.prototype.normalize`, which the engine does not have: Unicode Standard Annex #15.

import * as data from './data.js';

const FORMS = ['NFC', 'NFD', 'NFKC', 'NFKD'];

/** Hangul syllables are computed: their first one, and where their three parts begin and how many there are. */
const [SYLLABLE, LEAD, VOWEL, TRAIL] = [0xac00, 0x1100, 0x1161, 0x11a7];
const [LEADS, VOWELS, TRAILS] = [19, 21, 28];

/** What is below these has no composition and no decomposition. */
const [FIRST_COMPOSED, FIRST_DECOMPOSED] = [/[^\0-\u02ff]/, /[^\0-\x9f]/];

/**
 * Made when it is first asked for: `decompose` and `compatible` from a character to its parts, `compose` the other
 * way, `classOf` a mark.
 */
let tables;

/** The text in a normalization form. To be called on a string, as the method is. */
export function normalize(form = 'NFC') {
  if (!FORMS.includes(`${form}`)) throw new RangeError(`The normalization form should be one of ${FORMS.join(', ')}.`);
  const text = `${this}`;
  if (!(form === 'NFC' ? FIRST_COMPOSED : FIRST_DECOMPOSED).test(text)) return text;
  tables ??= readTables();
  const characters = sorted(decomposed(text, `${form}`.startsWith('NFK')));
  return (`${form}`.endsWith('C') ? composed(characters) : characters).join('');
}

function readTables() {
  const [decompose, compatible, compose, classOf] = [new Map(), new Map(), new Map(), new Map()];
  for (const entry of data.canonical.split('\n')) {
    const [character, ...parts] = entry;
    const isOneWay = parts[0] === '+';
    if (isOneWay) parts.shift();
    else compose.set(parts.join(''), character);
    decompose.set(character, parts);
  }
  for (const entry of data.compatible.split('\n')) {
    const [character, ...parts] = entry;
    compatible.set(character, parts);
  }
  data.classes.split('\n').forEach((marks, n) => {
    for (const mark of marks) classOf.set(mark, n + 1);
  });
  return { decompose, compatible, compose, classOf };
}

/** The characters of a text, fully decomposed. */
function decomposed(text, isCompatible) {
  const characters = [];
  const push = (character) => {
    const compatible = isCompatible ? tables.compatible.get(character) : undefined;
    const parts = compatible ?? tables.decompose.get(character) ?? hangulParts(character);
    if (parts === undefined) characters.push(character);
    else for (const part of parts) push(part);
  };
  for (const character of text) push(character);
  return characters;
}

function hangulParts(character) {
  const n = character.charCodeAt(0) - SYLLABLE;
  if (n < 0 || n >= LEADS * VOWELS * TRAILS) return undefined;
  const [lead, vowel] = [Math.floor(n / (VOWELS * TRAILS)), Math.floor(n / TRAILS) % VOWELS];
  const codes = [LEAD + lead, VOWEL + vowel, TRAIL + (n % TRAILS)];
  return codes.filter((code) => code !== TRAIL).map((code) => String.fromCharCode(code));
}

function classOf(character) {
  return tables.classOf.get(character) ?? 0;
}

/** With each run of marks in the order of their classes. */
function sorted(characters) {
  for (let n = 1; n < characters.length; n++) {
    const mark = characters[n];
    const own = classOf(mark);
    if (own === 0) continue;
    let at = n;
    for (; at > 0 && classOf(characters[at - 1]) > own; at--) characters[at] = characters[at - 1];
    characters[at] = mark;
  }
  return characters;
}

/** With every mark composed with its starter, unless a mark of its class or a higher one stands between. */
function composed(characters) {
  const composed = [];
  let [starter, last] = [-1, 0];
  for (const character of characters) {
    const own = classOf(character);
    const isNext = starter === composed.length - 1;
    const pair = starter >= 0 && (isNext || last < own) ? compose(composed[starter], character) : undefined;
    if (pair !== undefined) {
      composed[starter] = pair;
      continue;
    }
    if (own === 0) starter = composed.length;
    last = own;
    composed.push(character);
  }
  return composed;
}

function compose(first, second) {
  return tables.compose.get(first + second) ?? hangulSyllable(first.charCodeAt(0), second.charCodeAt(0));
}

function hangulSyllable(first, second) {
  const [lead, vowel] = [first - LEAD, second - VOWEL];
  if (lead >= 0 && lead < LEADS && vowel >= 0 && vowel < VOWELS) {
    return String.fromCharCode(SYLLABLE + (lead * VOWELS + vowel) * TRAILS);
  }
  const [syllable, trail] = [first - SYLLABLE, second - TRAIL];
  const hasNoTrail = syllable >= 0 && syllable < LEADS * VOWELS * TRAILS && syllable % TRAILS === 0;
  return hasNoTrail && trail > 0 && trail < TRAILS ? String.fromCharCode(first + trail) : undefined;
}
