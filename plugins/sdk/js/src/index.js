// What a plugin imports. The types of all this are in `types/index.d.ts`.

export { ConfigError, Failure, Rejected } from './errors.js';
export { log } from './log.js';
export { count } from './metrics.js';
export { definePlugin } from './plugin.js';
export { drop, emit, keep, reject, retry } from './verdict.js';
