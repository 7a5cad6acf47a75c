/** Masks an address: what is before the `@` shows its first letter alone. */

import { Buffer, Bytes, jsonText } from "sluicebox-plugin-assemblyscript/assembly";

const AT: u8 = 0x40;
const BACKSLASH: u8 = 0x5c;

/** Appends a JSON string, masked. */
export function pushMasked(to: Buffer, json: Bytes): void {
  if (json.indexOfByte(BACKSLASH) >= 0) {
    const text = Bytes.of(jsonText(json));
    to.pushJsonText(maskedText(text));
    return;
  }
  const at = json.lastIndexOfByte(AT);
  const first = json.at + 1; // behind the opening quote
  const isAddress = at > 1 && load<u8>(first) != AT;
  to.pushByte(0x22);
  if (isAddress) to.pushRaw(first, firstLength(first));
  to.push("***");
  if (isAddress) to.pushRaw(json.at + at, json.length - at);
  else to.pushByte(0x22);
}

function maskedText(text: Bytes): string {
  const at = text.lastIndexOfByte(AT);
  if (at < 1 || load<u8>(text.at) == AT) return "***";
  return `${text.slice(0, firstLength(text.at))}***${text.slice(at)}`;
}

/** The length of the code point in UTF-8 at an address. */
function firstLength(address: usize): i32 {
  const first = load<u8>(address);
  return 1 + i32(first >= 0xc0) + i32(first >= 0xe0) + i32(first >= 0xf0);
}
