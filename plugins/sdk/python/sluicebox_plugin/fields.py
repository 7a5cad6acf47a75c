"""Which fields of a record a plugin reads."""

from enum import Flag


class Fields(Flag):
    """A set of a record's fields, as in `Fields.KEY | Fields.VALUE`. Asking for less makes a stage cheaper."""

    NONE = 0
    """Nothing: the plugin judges without looking."""
    KEY = 1
    VALUE = 2
    HEADERS = 4
    """A record with a header name that is not UTF-8 is rejected by a stage that asks for them."""
    TIMESTAMP = 8
    SOURCE = 16
    """Topic, partition and offset of the pipeline's input."""
    ALL = 31
