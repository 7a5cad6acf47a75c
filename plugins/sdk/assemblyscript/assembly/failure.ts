/**
 * Why a plugin does not start. AssemblyScript has no exceptions: what goes wrong in a constructor is noted here, the
 * constructor runs to its end, and `init` answers with the noted error.
 */

/** Comes behind every place in a configuration. */
export const MISSING: usize = usize.MAX_VALUE - 1;
/** Comes behind what the configuration's own reading has found. */
export const OWN: usize = usize.MAX_VALUE;

let noted: string | null = null;
let notedAt: usize = 0;

/** Notes an error: of several, the one that comes first in the configuration is shown. */
export function note(at: usize, error: string): void {
  if (noted !== null && notedAt <= at) return;
  noted = error;
  notedAt = at;
}

/** What has been noted. */
export function failure(): string | null {
  return noted;
}
