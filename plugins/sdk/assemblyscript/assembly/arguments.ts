/** The memory that the host writes a call's arguments to: blocks outside the garbage collector, kept from call to call. */

/** One block. */
class Block {
  at: usize = 0;
  size: i32 = 0;

  /** Makes it at least `size` bytes; the first `kept` bytes stay. */
  resize(size: i32, kept: i32): usize {
    if (size <= this.size) return this.at;
    const grown = heap.alloc(size + (size >> 2));
    memory.copy(grown, this.at, kept);
    if (this.at != 0) heap.free(this.at);
    this.at = grown;
    this.size = size + (size >> 2);
    return grown;
  }
}

const blocks: Block[] = [];
let used = 0;

/**
 * Memory for an argument of the next call. As each batch is passed with the same few requests, the n-th request of a
 * call gets the n-th block of the call before: no batch allocates once the blocks have grown to its size.
 */
export function request(old: usize, oldSize: i32, size: i32): usize {
  if (oldSize > 0) return blockAt(old).resize(size, oldSize);
  if (used == blocks.length) blocks.push(new Block());
  return blocks[used++].resize(max(size, 8), 0);
}

/** Ends a call: the next one gets the same blocks again. */
export function reuse(): void {
  used = 0;
}

/** Ends a call whose blocks are not those of the next. */
export function release(): void {
  for (let n = 0; n < blocks.length; n++) heap.free(blocks[n].at);
  blocks.length = 0;
  used = 0;
}

function blockAt(at: usize): Block {
  for (let n = 0; n < used; n++) {
    if (blocks[n].at == at) return blocks[n];
  }
  throw new Error("the host grows what it was not given");
}
