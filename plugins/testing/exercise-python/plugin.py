"""Does what the value of a record says: for tests of the host and the SDK."""

from dataclasses import dataclass
from typing import NoReturn

from sluicebox_plugin import (
    DROP,
    KEEP,
    Emit,
    FatalError,
    Fields,
    Plugin,
    Record,
    Reject,
    Retry,
    RetryBatch,
    Stage,
    Verdict,
    count,
    log,
)

LEVELS = {"error": log.error, "warn": log.warn, "info": log.info, "debug": log.debug}


@dataclass
class Config:
    keep: bool = False
    greeting: str = "hello"


class Exercise(Plugin):
    needs = Fields.ALL

    def __init__(self, config: Config, stage: Stage) -> None:
        self.keep = config.keep
        self.greeting = config.greeting
        self.stage = stage

    def process(self, record: Record) -> Verdict:
        if self.keep:
            return KEEP
        value = record.value
        if value is None:
            return KEEP
        command, _, argument = value.decode().partition(" ")
        match command:
            case "drop":
                return DROP
            case "set":
                return Emit(value=argument)
            case "null":
                return Emit(value=None)
            case "empty":
                return Emit(value=b"")
            case "key":
                return Emit(key=argument)
            case "null-key":
                return Emit(key=None)
            case "headers":
                return Emit(headers=[*record.headers, ("added", "1"), ("none", None)])
            case "no-headers":
                return Emit(headers=[])
            case "timestamp":
                return Emit(timestamp=int(argument))
            case "to":
                return Emit(to=argument)
            case "two":
                return [Emit(value="one"), Emit(value="two", to="audit")]
            case "nothing":
                return []
            case "greet":
                return Emit(value=self.greeting)
            case "stage":
                return Emit(value=self.stage.name)
            case "outputs":
                return Emit(value=",".join(self.stage.outputs))
            case "echo":
                return Emit(value=echo(record))
        return fail(command, argument) or tell(command, argument)


def fail(command: str, argument: str) -> Verdict | None:
    """The commands that go wrong."""
    match command:
        case "reject":
            return Reject(argument)
        case "retry":
            return Retry(argument)
        case "fail-retry":
            raise RetryBatch(argument)
        case "fail-fatal":
            raise FatalError(argument)
        case "throw":
            throw(argument)
    return None


def tell(command: str, argument: str) -> Verdict:
    """The commands that tell the host something."""
    first, _, rest = argument.partition(" ")
    if command == "log" and first in LEVELS:
        LEVELS[first](rest)
    elif command == "count":
        count(first, int(rest))
    return KEEP


def throw(text: str) -> NoReturn:
    raise RuntimeError(text)


def echo(record: Record) -> str:
    """Everything that came in, as text."""
    headers = ",".join(f"{name}:{text(value)}" for name, value in record.headers)
    source = record.source
    place = ("null", "null", "null") if source is None else source
    timestamp = "null" if record.timestamp is None else record.timestamp
    return "key={};headers={};timestamp={};topic={};partition={};offset={}".format(
        text(record.key), headers, timestamp, *place
    )


def text(value: bytes | None) -> str:
    return "null" if value is None else value.decode()
