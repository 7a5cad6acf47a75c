/**
 * When garbage is collected. The runtime is `minimal`: it collects when it is told to, which may only be where no
 * object is held on the stack alone. That is between two records, and costs those records nothing that allocate nothing.
 */

/** How much may be allocated, at least, before the next collection. */
const PAUSE: usize = 1 << 20;

let limit: usize = PAUSE;

/** Collects if what was allocated since the last time is worth it. */
export function collectGarbage(): void {
  // @ts-ignore: the compiler's own count of the bytes in objects, see asconfig.json
  if (<usize>__heap_total < limit) return;
  __collect();
  // @ts-ignore: as above
  limit = <usize>__heap_total * 2 + PAUSE;
}
