/** The stage that a plugin is started for. */

import { OWN, note } from "./failure";

/** What a plugin is told of its stage when it starts. */
export class Stage {
  constructor(
    /** The stage's name in the pipeline file. */
    readonly name: string,
    /** The names of the pipeline's outputs, `default` included. */
    readonly outputs: string[],
  ) {}

  /**
   * What is wrong with a name as that of one of the pipeline's outputs: null if nothing is, else an error that names
   * what there is, and the nearest first. `Config.output` asks it of a name in the configuration.
   */
  checkOutput(name: string): string | null {
    if (this.outputs.includes(name)) return null;
    const near = this.nearest(name);
    const hint = near === null ? "" : `did you mean \`${near}\`? `;
    return `the pipeline has no output \`${name}\`; ${hint}its outputs are: ${this.outputs.join(", ")}`;
  }

  /** Says that the plugin cannot start, and why; it is shown to the author of the pipeline file. */
  fail(reason: string): void {
    note(OWN, reason);
  }

  private nearest(name: string): string | null {
    let near: string | null = null;
    let least = i32.MAX_VALUE;
    for (let n = 0; n < this.outputs.length; n++) {
      const output = this.outputs[n];
      const edits = distance(output, name);
      if (edits >= least || edits > max(output.length, name.length) / 3) continue;
      near = output;
      least = edits;
    }
    return near;
  }
}

/** How many letters have to be changed, put in, left out or swapped with the next one to make one text of the other. */
function distance(from: string, to: string): i32 {
  const width = to.length + 1;
  const table = new StaticArray<i32>((from.length + 1) * width);
  for (let column = 0; column < width; column++) table[column] = column;
  for (let row = 1; row <= from.length; row++) {
    table[row * width] = row;
    for (let column = 1; column < width; column++) {
      const here = row * width + column;
      const same = from.charCodeAt(row - 1) == to.charCodeAt(column - 1);
      let edits = min(table[here - width - 1] + i32(!same), min(table[here - width], table[here - 1]) + 1);
      const swapped =
        row > 1 && column > 1 &&
        from.charCodeAt(row - 1) == to.charCodeAt(column - 2) && from.charCodeAt(row - 2) == to.charCodeAt(column - 1);
      if (swapped) edits = min(edits, table[here - 2 * width - 2] + 1);
      table[here] = edits;
    }
  }
  return table[from.length * width + to.length];
}
