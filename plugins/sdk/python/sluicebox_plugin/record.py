"""One record of a batch, read where it lies."""

from struct import Struct
from typing import NamedTuple

from .packed import HEADER, NO_TIMESTAMP, NULL

_pair = Struct("<II").unpack_from
_timestamp = Struct("<q").unpack_from
_source = Struct("<qiII").unpack_from
_header = HEADER.unpack_from


class Source(NamedTuple):
    """Where a record came from, in the pipeline's input."""

    topic: str
    partition: int
    offset: int


class Record:
    """A record as it comes in. A field is decoded each time it is read, so keep it in a variable."""

    __slots__ = ("_at", "_data", "_index")

    def __init__(self, index: bytes, at: int, data: bytes) -> None:
        self._index = index
        self._at = at
        self._data = data

    @property
    def key(self) -> bytes | None:
        """The key; None is null. Needs `Fields.KEY`."""
        at, length = _pair(self._index, self._at)
        return None if length == NULL else self._data[at : at + length]

    @property
    def value(self) -> bytes | None:
        """The value; None is null (a tombstone), which is not the same as empty. Needs `Fields.VALUE`."""
        at, length = _pair(self._index, self._at + 8)
        return None if length == NULL else self._data[at : at + length]

    @property
    def headers(self) -> list[tuple[str, bytes | None]]:
        """The headers in their order: name and value. Names may repeat, a value may be None. Needs
        `Fields.HEADERS`."""
        at, count = _pair(self._index, self._at + 16)
        return read_headers(self._data, at, count)

    def header(self, name: str) -> bytes | None:
        """The value of the last header with this name, as Kafka's own clients look it up. None where there is no
        such header or its value is null; `headers` tells the two apart."""
        found = None
        for other, value in self.headers:
            if other == name:
                found = value
        return found

    @property
    def timestamp(self) -> int | None:
        """Milliseconds since the epoch; None where the record has none. Needs `Fields.TIMESTAMP`."""
        (timestamp,) = _timestamp(self._index, self._at + 24)
        return None if timestamp == NO_TIMESTAMP else timestamp

    @property
    def source(self) -> Source | None:
        """Where the record came from; None without `Fields.SOURCE`."""
        offset, partition, at, length = _source(self._index, self._at + 32)
        return None if length == NULL else Source(self._data[at : at + length].decode(), partition, offset)

    def __repr__(self) -> str:
        names = ("key", "value", "headers", "timestamp", "source")
        return f"Record({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


def read_headers(data: bytes, at: int, count: int) -> list[tuple[str, bytes | None]]:
    """`count` headers, one behind the other from `at`."""
    headers: list[tuple[str, bytes | None]] = []
    for _ in range(count):
        name_length, length = _header(data, at)
        start = at + 8 + name_length
        name = data[at + 8 : start].decode()
        if length == NULL:
            headers.append((name, None))
            at = start
        else:
            at = start + length
            headers.append((name, data[start:at]))
    return headers
