"""The verdicts on a batch in packed form."""

from collections.abc import Iterable
from struct import Struct

from .packed import EMIT, HEADER, INHERITED, NO_TIMESTAMP, NULL, REJECT, RESULT, RETRY
from .verdict import DROP, INHERIT, KEEP, Bytes, Change, Emit, Reject, Retry

_pack = RESULT.pack
_pack_header = HEADER.pack
# An entry that sets the value alone, as most do: what stands before and behind the value is the same in all of them.
_INHERITING = _pack(0, 0, NULL, 0, INHERITED, 0, 0, 0, INHERITED, 0, NO_TIMESTAMP)
_BEFORE, _BEHIND = _INHERITING[4:20], _INHERITING[28:]
_pack_value = Struct(f"<I{len(_BEFORE)}sII{len(_BEHIND)}s").pack
_PLAIN = (str, bytes)
_BYTES = (bytes, bytearray, memoryview)


class ResultWriter:
    """Collects the verdicts on a batch. A record of which nothing is said is kept."""

    __slots__ = ("_chunks", "_index", "_size", "_verdicts")

    def __init__(self, records: int) -> None:
        self._verdicts = bytearray(records)
        self._index: list[bytes] = []
        self._chunks: list[bytes] = []
        self._size = 0

    def push(self, record: int, verdict: object) -> None:
        """Takes the verdict on a record. One that is none is a `TypeError`, and the record is as if nothing was
        said of it: data that no entry points to is allowed, so that there is nothing to take back."""
        if type(verdict) is Emit:
            value = verdict.value
            if (
                type(value) in _PLAIN
                and verdict.key is INHERIT
                and verdict.to is None
                and verdict.headers is None
                and verdict.timestamp is None
            ):
                # What `_emit` does, without its calls.
                if type(value) is str:
                    value = value.encode()
                at, length = self._size, len(value)
                self._index.append(_pack_value(record, _BEFORE, at, length, _BEHIND))
                self._chunks.append(value)
                self._size = at + length
            else:
                self._index.append(self._emit(record, verdict))
            self._verdicts[record] = EMIT
        elif verdict is DROP:
            self._verdicts[record] = 1
        elif type(verdict) is Reject:
            self._reason(record, REJECT, verdict.reason)
        elif type(verdict) is Retry:
            self._reason(record, RETRY, verdict.reason)
        elif isinstance(verdict, (list, tuple)):
            self._index.append(b"".join([self._emit(record, emit) for emit in verdict]))
            self._verdicts[record] = EMIT
        elif verdict is not KEEP:
            raise TypeError(f"process returned {verdict!r}, which is no verdict")

    def finish(self) -> tuple[bytes, bytes, bytes]:
        """Verdicts, index and data."""
        return bytes(self._verdicts), b"".join(self._index), b"".join(self._chunks)

    def _emit(self, record: int, emit: Emit) -> bytes:
        if type(emit) is not Emit:
            raise TypeError(f"process returned a list with {emit!r}, which is no Emit")
        to, to_length = (0, NULL) if emit.to is None else self._place("to", emit.to)
        key, key_length = self._change("key", emit.key)
        value, value_length = self._change("value", emit.value)
        headers, count = (0, INHERITED) if emit.headers is None else self._headers(emit.headers)
        timestamp = NO_TIMESTAMP if emit.timestamp is None else emit.timestamp
        return _pack(record, to, to_length, key, key_length, value, value_length, headers, count, 0, timestamp)

    def _reason(self, record: int, verdict: int, reason: str) -> None:
        at, length = self._place("the reason", reason.encode(errors="replace"))
        self._index.append(_pack(record, 0, NULL, 0, INHERITED, at, length, 0, INHERITED, 0, NO_TIMESTAMP))
        self._verdicts[record] = verdict

    def _change(self, what: str, change: Change) -> tuple[int, int]:
        if change is INHERIT:
            return 0, INHERITED
        return (0, NULL) if change is None else self._place(what, change)

    def _headers(self, headers: Iterable[tuple[str, Bytes | None]]) -> tuple[int, int]:
        start, count = self._size, 0
        encoded = []
        for name, value in headers:
            name_bytes, value_bytes = _bytes("a header's name", name), b""
            length = NULL
            if value is not None:
                value_bytes = _bytes("a header's value", value)
                length = len(value_bytes)
            encoded.append(_pack_header(len(name_bytes), length) + name_bytes + value_bytes)
            count += 1
        self._place("headers", b"".join(encoded))
        return start, count

    def _place(self, what: str, value: Bytes) -> tuple[int, int]:
        if type(value) is not bytes:
            value = _bytes(what, value)
        at, length = self._size, len(value)
        self._chunks.append(value)
        self._size = at + length
        return at, length


def _bytes(what: str, value: Bytes) -> bytes:
    """A copy, so that a plugin may go on with a buffer of its own."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, _BYTES):
        return bytes(value)
    raise TypeError(f"{what} is {value!r}, expected bytes, text or None")
