// The stage that a plugin is started for.

import { ConfigError } from './errors.js';

export class Stage {
  constructor(name, outputs) {
    this.name = name;
    this.outputs = outputs;
  }

  checkOutput(name) {
    if (this.outputs.includes(name)) return;
    const nearest = this.#nearest(name);
    const hint = nearest === undefined ? '' : `did you mean \`${nearest}\`? `;
    throw new ConfigError(
      `the pipeline has no output \`${name}\`; ${hint}its outputs are: ${this.outputs.join(', ')}`,
    );
  }

  /** The output whose name differs least, where no more than a third of it differs. */
  #nearest(name) {
    let nearest;
    let least = Infinity;
    for (const output of this.outputs) {
      const away = distance(output, name);
      if (away < least && away <= Math.floor(Math.max(output.length, name.length) / 3)) {
        [nearest, least] = [output, away];
      }
    }
    return nearest;
  }
}

/** How many letters have to be added, removed, changed or swapped with their neighbour. */
function distance(from, to) {
  const rows = [Array.from({ length: to.length + 1 }, (_, n) => n)];
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      row[j] = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (swapped) row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1);
    }
    rows.push(row);
  }
  return rows[from.length][to.length];
}
