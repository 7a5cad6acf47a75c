/** The numbers of the packed form, as `wit/sluicebox.wit` lays them down. */

/** Bytes of an entry in the index of a batch. */
export const INPUT_ENTRY: usize = 56;
/** Bytes of an entry in the index of a result. */
export const RESULT_ENTRY: i32 = 48;
/** A length that means null. */
export const NULL: u32 = 0xffffffff;
/** A length or count that means inherited. */
export const INHERITED: u32 = 0xfffffffe;
/** A timestamp that means none in a batch, and inherited in a result. */
export const NO_TIMESTAMP: i64 = i64.MIN_VALUE;
