/** UTF-8 over raw memory. */

const ASCII: u64 = 0x8080808080808080;

/** The length of the code point in UTF-8 that starts at `at`; 0 where there is none. `at` is before `end`. */
export function codePointLength(at: usize, end: usize): i32 {
  const first = <u32>load<u8>(at);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = 2 + i32(first >= 0xe0) + i32(first >= 0xf0);
  if (end - at < <usize>length) return 0;
  const second = <u32>load<u8>(at, 1);
  let least: u32 = 0x80;
  let most: u32 = 0xbf;
  if (first == 0xe0) least = 0xa0; // no overlong forms
  else if (first == 0xed) most = 0x9f; // no surrogates
  else if (first == 0xf0) least = 0x90;
  else if (first == 0xf4) most = 0x8f; // nothing over U+10FFFF
  if (second < least || second > most) return 0;
  for (let n = 2; n < length; n++) {
    if ((load<u8>(at + n) & 0xc0) != 0x80) return 0;
  }
  return length;
}

/** Whether these bytes are UTF-8. */
export function isUtf8(at: usize, length: i32): bool {
  const end = at + length;
  at = behindAscii(at, end);
  while (at < end) {
    const step = codePointLength(at, end);
    if (step == 0) return false;
    at = behindAscii(at + step, end);
  }
  return true;
}

/** The text of these bytes; what is not UTF-8 becomes U+FFFD. */
export function decode(at: usize, length: i32): string {
  const end = at + length;
  if (behindAscii(at, end) == end) return widen(at, length);
  if (isUtf8(at, length)) return String.UTF8.decodeUnsafe(at, length);
  let text = "";
  let start = at;
  while (at < end) {
    const step = codePointLength(at, end);
    at += max(step, 1);
    if (step > 0) continue;
    text += String.UTF8.decodeUnsafe(start, at - 1 - start) + "\u{fffd}";
    start = at;
  }
  return text + String.UTF8.decodeUnsafe(start, end - start);
}

/** Writes a text, for which there is room for three bytes a UTF-16 unit; what it took. A lone surrogate becomes U+FFFD. */
export function encode(text: string, at: usize): i32 {
  const narrowed = narrow(text, at);
  if (narrowed == text.length) return narrowed;
  const rest = changetype<usize>(text) + ((<usize>narrowed) << 1);
  const mode = String.UTF8.ErrorMode.REPLACE;
  return narrowed + <i32>String.UTF8.encodeUnsafe(rest, text.length - narrowed, at + narrowed, false, mode);
}

/** Behind the ASCII that starts at `at`. */
function behindAscii(at: usize, end: usize): usize {
  while (at + 8 <= end && (load<u64>(at) & ASCII) == 0) at += 8;
  while (at < end && load<u8>(at) < 0x80) at++;
  return at;
}

/** The text of ASCII, four letters at a time. */
function widen(at: usize, length: i32): string {
  const text = changetype<string>(__new((<usize>length) << 1, idof<string>()));
  let to = changetype<usize>(text);
  const end = at + length;
  for (; at + 4 <= end; at += 4, to += 8) {
    let four = <u64>load<u32>(at);
    four = (four | (four << 16)) & 0x0000ffff0000ffff;
    store<u64>(to, (four | (four << 8)) & 0x00ff00ff00ff00ff);
  }
  for (; at < end; at++, to += 2) store<u16>(to, load<u8>(at));
  return text;
}

/** Writes the ASCII that a text starts with, in whole fours of letters: how many. */
function narrow(text: string, at: usize): i32 {
  const from = changetype<usize>(text);
  const fours = text.length & ~3;
  let done = 0;
  for (; done < fours; done += 4) {
    let four = load<u64>(from + ((<usize>done) << 1));
    if ((four & 0xff80ff80ff80ff80) != 0) break;
    four = (four | (four >> 8)) & 0x0000ffff0000ffff;
    store<u32>(at + done, <u32>(four | (four >> 16)));
  }
  return done;
}
