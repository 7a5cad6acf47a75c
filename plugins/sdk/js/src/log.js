// Messages into the host's log.

import { show } from './errors.js';
import { host } from './host.js';

const at = (level) => (...parts) => host.write(level, text(parts));

export const log = { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') };

/** The parts in one line, as `console.log` has them. */
function text(parts) {
  return parts.map((part) => (typeof part === 'string' ? part : show(part))).join(' ');
}
