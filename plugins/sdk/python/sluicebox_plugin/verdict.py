"""What a plugin says of a record."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeAlias

Bytes: TypeAlias = bytes | bytearray | memoryview | str
"""What can be written: bytes, or text, which is written as UTF-8."""


class _Word(Enum):
    KEEP = "KEEP"
    DROP = "DROP"
    INHERIT = "INHERIT"

    def __repr__(self) -> str:
        return self.value


KEEP: Final = _Word.KEEP
"""The record goes on as it came."""
DROP: Final = _Word.DROP
"""The record ends here; nothing is written."""
INHERIT: Final = _Word.INHERIT
"""A key or value stays as it came in."""

Change: TypeAlias = Bytes | None | Literal[_Word.INHERIT]
"""What becomes of a key or value: written, null (None, which is not empty), or inherited."""


@dataclass(slots=True, kw_only=True, eq=False)
class Emit:
    """This goes on in the record's place. What is not set is inherited from the record that came in."""

    value: Change = INHERIT
    """The value. None makes a tombstone."""
    key: Change = INHERIT
    """The key."""
    headers: Iterable[tuple[str, Bytes | None]] | None = None
    """The whole list of headers; None: inherited. To add one: `[*record.headers, ("name", b"value")]`."""
    timestamp: int | None = None
    """Milliseconds since the epoch; None: inherited."""
    to: str | None = None
    """The output it goes to, at once, past the rest of the chain; None: on to the next stage."""

    def __eq__(self, other: object) -> bool:
        return self._told() == other._told() if isinstance(other, Emit) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def _told(self) -> tuple[object, ...]:
        """What it says, text or bytes."""
        headers = None if self.headers is None else [(name, _plain(value)) for name, value in self.headers]
        return _plain(self.value), _plain(self.key), headers, self.timestamp, self.to


@dataclass(slots=True)
class Reject:
    """The plugin refuses the record: a dead letter with this reason, unless the stage's `on_error` says otherwise."""

    reason: str


@dataclass(slots=True)
class Retry:
    """Not now: the host calls again with this record after a backoff, with a bound. The verdicts on the others of
    its batch stand."""

    reason: str


Verdict: TypeAlias = Literal[_Word.KEEP, _Word.DROP] | Emit | Reject | Retry | Sequence[Emit]
"""What `process` returns. Several `Emit` go each its own way; an empty list is `DROP`."""


def _plain(value: object) -> object:
    if isinstance(value, str):
        return value.encode()
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value
