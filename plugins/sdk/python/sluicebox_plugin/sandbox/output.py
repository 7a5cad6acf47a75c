"""Standard output and error, and the module `logging`: lines go to the host's log. Standard input is empty."""

import io
import logging
import sys
from typing import TextIO

from .. import log


class _Lines(io.TextIOBase):
    """A stream whose lines are messages, once it is connected; until then they go where they went."""

    def __init__(self, level: log.Level, before: TextIO) -> None:
        self._level = level
        self._before: TextIO | None = before
        self._line = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self._before is not None:
            return self._before.write(text)
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            log.write(self._level, line)
        return len(text)

    def flush(self) -> None:
        if self._before is not None:
            self._before.flush()
        elif self._line:
            line, self._line = self._line, ""
            log.write(self._level, line)

    def connect(self) -> None:
        self.flush()
        self._before = None


class _Handler(logging.Handler):
    """Log records as messages of their level, from which the host chooses."""

    def emit(self, record: logging.LogRecord) -> None:
        at_least = ((logging.ERROR, log.error), (logging.WARNING, log.warn), (logging.INFO, log.info))
        write = next((write for level, write in at_least if record.levelno >= level), log.debug)
        write(self.format(record))


def install() -> None:
    """Replaces the standard streams and gives the root logger a handler."""
    sys.stdout = sys.__stdout__ = _Lines("info", sys.stdout)
    sys.stderr = sys.__stderr__ = _Lines("warn", sys.stderr)
    sys.stdin = sys.__stdin__ = io.StringIO()
    root = logging.getLogger()
    root.addHandler(_Handler())
    root.setLevel(logging.DEBUG)


def to_the_log() -> None:
    """Connects the standard streams with the host's log."""
    for stream in (sys.__stdout__, sys.__stderr__):
        stream.connect()


def flush() -> None:
    """Logs what was printed without an end of line."""
    for stream in (sys.__stdout__, sys.__stderr__):
        stream.flush()
