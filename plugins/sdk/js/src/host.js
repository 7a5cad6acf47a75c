// The host's functions. In a component `sandbox.js` keeps messages until the plugin starts, and `component.js` puts
// the real functions here then. In tests messages go to standard error, and counters add up in `counters`.

/** What has been counted, by name. */
export const counters = new Map();

export const host = {
  write(level, message) {
    process.stderr.write(`${level}: ${message}\n`);
  },
  count(name, delta) {
    counters.set(name, (counters.get(name) ?? 0) + Number(delta));
  },
};
