// What a plugin is: checked here, so that a slip is an error when it is built and not at its first record.

const FIELDS = ['key', 'value', 'headers', 'timestamp', 'source'];
const PARTS = ['config', 'init', 'needs'];

export function definePlugin(plugin) {
  for (const part of Object.keys(plugin)) {
    if (!PARTS.includes(part)) throw new TypeError(`definePlugin: ${part} is none of ${PARTS.join(', ')}`);
  }
  if (typeof plugin.init !== 'function') throw new TypeError('definePlugin: init is missing, or no function');
  if (typeof plugin.needs !== 'function') checkNeeds(plugin.needs);
  return plugin;
}

/** The needs of a plugin with this configuration, as the interface has them. */
export function needsOf(plugin, config) {
  const needs = typeof plugin.needs === 'function' ? checkNeeds(plugin.needs(config)) : plugin.needs;
  return Object.fromEntries(FIELDS.map((field) => [field, needs.includes(field)]));
}

function checkNeeds(needs) {
  if (!Array.isArray(needs)) throw new TypeError(`definePlugin: needs is a list of ${FIELDS.join(', ')}`);
  const unknown = needs.find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) throw new TypeError(`definePlugin: needs: ${unknown} is none of ${FIELDS.join(', ')}`);
  return needs;
}

/** The function that judges records, as `init` has answered it. */
export function checkProcess(process) {
  if (typeof process !== 'function') throw new TypeError('init has to return the function that judges a record');
  if (process.constructor.name === 'AsyncFunction') {
    throw new TypeError('the function that judges a record cannot be async: nothing in a plugin can wait');
  }
  return process;
}

