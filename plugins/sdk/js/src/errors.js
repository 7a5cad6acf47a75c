// The errors that mean something to the host, and how any other is described to people.

/** A wrong configuration, shown to the author of the pipeline file by its message alone. */
export class ConfigError extends Error {
  name = 'ConfigError';
}

/** Refuses the record at hand, from however deep: its message is the reason, without a stack. */
export class Rejected extends Error {
  name = 'Rejected';
}

/** Fails the whole batch. */
export class Failure extends Error {
  name = 'Failure';

  constructor(kind, reason) {
    super(reason);
    this.kind = kind;
  }

  static retry(reason) {
    return new Failure('retry', reason);
  }

  static fatal(reason) {
    return new Failure('fatal', reason);
  }
}

/** What was thrown, for people: the message, where it came from, and the same of its causes. */
export function describe(thrown) {
  if (!isError(thrown)) return `thrown: ${show(thrown)}`;
  const lines = [String(thrown), ...places(thrown)];
  if (thrown.cause !== undefined) lines.push(`caused by ${describe(thrown.cause)}`);
  return lines.join('\n');
}

/** Also where it comes from another realm, as those of the engine's bindings do. */
function isError(value) {
  return Object.prototype.toString.call(value) === '[object Error]';
}

/** A value in one line, for people. */
export function show(value) {
  if (isError(value)) return describe(value);
  if (value instanceof Uint8Array) return `bytes (${value.length})`;
  if (typeof value === 'bigint' || typeof value === 'function') return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

/**
 * The lines of an error's stack. `plugin build` leaves a table in the bundle that leads from its lines to those of the
 * sources; with it, the stack names the plugin's own files and leaves out the SDK's.
 */
function places(error) {
  const stack = String(error.stack ?? '').split('\n').map((line) => line.trim()).filter((line) => line !== '');
  const table = globalThis.sluiceboxSources;
  if (table === undefined) return stack.filter((line) => line.includes('@') || line.startsWith('at '));
  return stack.map((line) => place(line, table)).filter((line) => line !== null);
}

/** A frame is `name@file:line:column` here. */
function place(frame, table) {
  const found = /^(.*)@(.*):(\d+):\d+$/.exec(frame);
  if (found === null || !found[2].endsWith(table.bundle)) return null;
  const source = table.lines[found[3]];
  if (source === undefined) return null;
  return `at ${found[1] || '(anonymous)'} (${table.files[source[0]]}:${source[1]})`;
}
