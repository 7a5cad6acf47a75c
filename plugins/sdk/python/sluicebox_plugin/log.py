"""Messages into the host's log, which marks them with the pipeline and the stage.

Bounded in length and rate by the host. Outside a component they go to standard error.
"""

import sys
from collections.abc import Callable
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["error", "warn", "info", "debug"]


def error(message: object) -> None:
    """Somebody has to look."""
    write("error", message)


def warn(message: object) -> None:
    """Somebody should look some time."""
    write("warn", message)


def info(message: object) -> None:
    """Worth knowing."""
    write("info", message)


def debug(message: object) -> None:
    """For debugging."""
    write("debug", message)


def write(level: Level, message: object) -> None:
    """Logs at a level."""
    _write(level, str(message).encode(errors="replace").decode())


def connect(host: Callable[[Level, str], None]) -> None:
    """Sends messages to the host from here on."""
    global _write
    _write = host


def _print(level: Level, message: str) -> None:
    print(f"{level}: {message}", file=sys.stderr)


_write: Callable[[Level, str], None] = _print
