/** Which fields of a record a plugin reads. */

/** A set of a record's fields, as in `Fields.KEY | Fields.VALUE`. Asking for less makes a stage cheaper. */
export enum Fields {
  /** Nothing: the plugin judges without looking. */
  NONE = 0,
  KEY = 1,
  VALUE = 2,
  /** A record with a header name that is not UTF-8 is rejected by a stage that asks for them. */
  HEADERS = 4,
  TIMESTAMP = 8,
  /** Topic, partition and offset of the pipeline's input. */
  SOURCE = 16,
  ALL = 31,
}
