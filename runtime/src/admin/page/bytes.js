// A record's bytes, and the three ways to look at them: text, JSON, hexadecimal.

/** Bytes shown at the most in one view; what is beyond is counted. */
const MOST = 64 * 1024;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/g;

/** Returns the bytes of a record's `key` or `value`, or null. */
export function bytesOf(record, field) {
  const encoded = record[`${field}_base64`];
  if (encoded !== undefined && encoded !== null) return fromBase64(encoded);
  const value = record[field];
  if (value === null || value === undefined) return null;
  return new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
}

/** Returns a record's headers: pairs of a name and a value. */
export function headersOf(record) {
  return record.headers ?? [];
}

/** Returns a header's name or value as text; what is no text as hexadecimal. */
export function headerText(part) {
  if (part === null) return "null";
  if (typeof part === "string") return part;
  return typeof part.base64 === "string" ? hex(fromBase64(part.base64)) : JSON.stringify(part);
}

/** Returns the text that bytes are in UTF-8, or null. */
export function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Returns JSON with a line for each member, or null where it is none. Numbers keep all their digits. */
export function indented(text) {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  let depth = 0;
  let result = "";
  const line = () => `\n${"  ".repeat(depth)}`;
  const tokens = text.match(TOKEN) ?? [];
  tokens.forEach((token, index) => {
    const isEmpty = (token === "{" || token === "[") && "}]".includes(tokens[index + 1]);
    const closes = token === "}" || token === "]";
    if (closes && "{[".includes(tokens[index - 1])) result += token;
    else if (closes) result += `${((depth -= 1), line())}${token}`;
    else if (isEmpty) result += token;
    else if (token === "{" || token === "[") result += `${token}${((depth += 1), line())}`;
    else if (token === ",") result += `,${line()}`;
    else result += token === ":" ? ": " : token;
  });
  return result;
}

/** Returns a dump: offset, 16 bytes, and what of them is printable. */
export function dump(bytes) {
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, MOST); at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const digits = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const printable = row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${digits.padEnd(47)}  ${printable}`);
  }
  return withRest(lines.join("\n"), bytes.length);
}

/** Returns bytes as the best text there is: indented JSON, text, or a dump. */
export function readable(bytes) {
  if (bytes === null) return "null";
  const text = textOf(bytes);
  return text === null ? dump(bytes) : cut(indented(text) ?? text);
}

/** Returns text as far as a page can show it well. */
export function cut(text) {
  return withRest(text.slice(0, MOST), text.length);
}

function withRest(shown, length) {
  return length > MOST ? `${shown}\n… ${length - MOST} more` : shown;
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

function hex(bytes) {
  return `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
