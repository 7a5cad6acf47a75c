"""Tests a plugin without WebAssembly: natively, and through the packed form all the same.

    from sluicebox_plugin.testing import start

    shout = start(Shout, {"suffix": "!"})
    assert shout.run("hello") == Emit(value="HELLO!")
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any

from .fields import Fields
from .instance import Instance, Starter
from .packed import EMIT, HEADER, INHERITED, NO_TIMESTAMP, NULL, REJECT, RESULT
from .plugin import Plugin
from .record import Source, read_headers
from .stage import Stage
from .verdict import DROP, INHERIT, KEEP, Bytes, Change, Emit, Reject, Retry, Verdict

_ENTRY = Struct("<6I2qi3I")


@dataclass
class Message:
    """A record that comes in."""

    value: Bytes | None = None
    key: Bytes | None = None
    headers: Sequence[tuple[str, Bytes | None]] = ()
    timestamp: int | None = None
    source: Source = Source("test", 0, 0)


def start(plugin: type[Plugin], config: Any = None, outputs: Sequence[str] = ("default",), stage: str = "test") -> "Started":
    """Starts a plugin as the host does, with the value of the stage's `config:` and the names of the pipeline's
    outputs. A wrong configuration is a `ConfigError`."""
    return Started(Starter(plugin).start(Stage(stage, outputs), json.dumps(config)))


class Started:
    """A started plugin."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def run(self, message: Message | Bytes | None) -> Verdict:
        """The verdict on one record, or on a value. The plugin sees no more of it than it asks for with `needs`."""
        (verdict,) = self.run_batch([message if isinstance(message, Message) else Message(message)])
        return verdict

    def run_batch(self, messages: Iterable[Message]) -> list[Verdict]:
        """The verdicts on a batch, in order. A failure of the whole batch is raised."""
        records, index, data = _pack(messages, self._instance.needs)
        return _unpack(records, *self._instance.process(index, data))


def _pack(messages: Iterable[Message], needs: Fields) -> tuple[int, bytes, bytes]:
    """A batch in packed form, as the host writes it: how many records, index and data."""
    index, data, records = bytearray(), bytearray(), 0

    def place(field: Fields, value: Bytes | None) -> tuple[int, int]:
        if value is None or field not in needs:
            return 0, NULL
        at, encoded = len(data), _encode(value)
        data.extend(encoded)
        return at, len(encoded)

    for message in messages:
        records += 1
        key, value = place(Fields.KEY, message.key), place(Fields.VALUE, message.value)
        headers_at, headers = len(data), message.headers if Fields.HEADERS in needs else ()
        for name, content in headers:
            name_bytes, content_bytes = name.encode(), b"" if content is None else _encode(content)
            data.extend(HEADER.pack(len(name_bytes), NULL if content is None else len(content_bytes)))
            data.extend(name_bytes + content_bytes)
        asked = Fields.TIMESTAMP in needs and message.timestamp is not None
        timestamp = message.timestamp if asked else NO_TIMESTAMP
        topic = place(Fields.SOURCE, message.source.topic)
        offset, partition = (-1, -1) if topic[1] == NULL else (message.source.offset, message.source.partition)
        index.extend(_ENTRY.pack(*key, *value, headers_at, len(headers), timestamp, offset, partition, *topic, 0))
    return records, bytes(index), bytes(data)


def _unpack(records: int, verdicts: bytes, index: bytes, data: bytes) -> list[Verdict]:
    """The verdicts of a result in packed form."""
    assert len(verdicts) == records, "there is one verdict for each record"
    entries: list[list[tuple[int, ...]]] = [[] for _ in verdicts]
    for entry in RESULT.iter_unpack(index):
        entries[entry[0]].append(entry)
    return [_verdict(verdict, own, data) for verdict, own in zip(verdicts, entries, strict=True)]


def _verdict(verdict: int, entries: list[tuple[int, ...]], data: bytes) -> Verdict:
    if verdict < EMIT:
        return DROP if verdict else KEEP
    if verdict == EMIT:
        emits = [_emit(entry, data) for entry in entries]
        return emits[0] if len(emits) == 1 else emits
    at, length = entries[0][5:7]
    reason = data[at : at + length].decode()
    return Reject(reason) if verdict == REJECT else Retry(reason)


def _emit(entry: tuple[int, ...], data: bytes) -> Emit:
    _, to, to_length, key, key_length, value, value_length, headers, count, _, timestamp = entry
    return Emit(
        value=_change(value, value_length, data),
        key=_change(key, key_length, data),
        headers=None if count == INHERITED else read_headers(data, headers, count),
        timestamp=None if timestamp == NO_TIMESTAMP else timestamp,
        to=None if to_length == NULL else data[to : to + to_length].decode(),
    )


def _change(at: int, length: int, data: bytes) -> Change:
    if length == INHERITED:
        return INHERIT
    return None if length == NULL else data[at : at + length]


def _encode(value: Bytes) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)
