// Numbers, times and sizes as text. Rates have three digits that count, so that what is steady looks steady.

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const twoDigits = new Intl.NumberFormat("en", { maximumSignificantDigits: 2 });
const threeDigits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** A whole number: 1,234,567. */
export function count(value) {
  return value === null || value === undefined ? "unknown" : grouped.format(value);
}

/** A whole number that need not be exact: 1.23 M. */
export function short(value) {
  if (value === null || value === undefined) return "unknown";
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} bn`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  return grouped.format(value);
}

/** Something a second: 48,200, 4.2, 0. */
export function rate(value) {
  if (!(value > 0)) return "0";
  if (value < 0.01) return "< 0.01";
  return (value < 100 ? twoDigits : threeDigits).format(value);
}

/** A share of one: 81 %. */
export function percent(share) {
  if (!(share > 0)) return "0 %";
  if (share < 0.01) return "< 1 %";
  return `${Math.round(Math.min(share, 1) * 100)} %`;
}

/** A short time, in seconds: 2.41 µs, 1.2 ms, 3.0 s. */
export function time(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "–";
  if (seconds === 0) return "0 µs";
  if (seconds < 999.5e-9) return `${Math.round(seconds * 1e9)} ns`;
  if (seconds < 999.5e-6) return `${(seconds * 1e6).toPrecision(3)} µs`;
  if (seconds < 0.9995) return `${(seconds * 1e3).toPrecision(3)} ms`;
  return `${seconds.toFixed(2)} s`;
}

/** A long time, in seconds: 12 s, 4 min, 2 h 10 min, 3 d 4 h. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "unknown";
  const whole = Math.round(seconds);
  if (whole < 100) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Bytes: 812 B, 1.4 KiB, 12.0 MiB. */
export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let left = value;
  while (left >= 1024 && unit < units.length - 1) {
    left /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${value} B` : `${(left < 100 ? twoDigits : threeDigits).format(left)} ${units[unit]}`;
}

/** A moment of today or another day, in the reader's time zone, with seconds. */
export function moment(text) {
  const at = new Date(text);
  if (text === null || text === undefined || Number.isNaN(at.getTime())) return "no time";
  const clock = at.toLocaleTimeString("en-GB");
  return at.toDateString() === new Date().toDateString() ? clock : `${isoDay(at)} ${clock}`;
}

/** The clock of a moment: 03:14. */
export function clock(at) {
  return at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

/** "1 record", "2 records". */
export function plural(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

function isoDay(at) {
  const two = (value) => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}
