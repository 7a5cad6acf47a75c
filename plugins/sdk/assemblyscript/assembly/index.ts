/**
 * Write Sluicebox plugins in AssemblyScript: a class that extends `Plugin`, and one method from a record to a verdict.
 *
 * An instance of a plugin lives as long as its stage does, and sees the records of the partitions that its worker
 * owns. It cannot rely on seeing all records of a key: partitions move, and a plugin that traps restarts.
 */

export { Buffer } from "./buffer";
export { Bytes } from "./bytes";
export { Config } from "./config";
export { Emit, emit } from "./emit";
export { Fields } from "./fields";
export { Headers } from "./headers";
export { JsonKind, JsonReader, NOT_WHOLE, jsonKind, jsonNumber, jsonText, jsonWhole } from "./json";
export { log } from "./log";
export { count } from "./metrics";
export { NO_TIMESTAMP } from "./packed";
export { Plugin, register } from "./plugin";
export { Record, Source } from "./record";
export { Stage } from "./stage";
export { Verdict, drop, emitAll, failFatal, failRetry, keep, reject, retry } from "./verdict";
