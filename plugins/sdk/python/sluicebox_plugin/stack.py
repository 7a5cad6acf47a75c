"""An exception as a reason for people: what was raised, and where, the innermost place first."""

import linecache
from os.path import basename
from types import TracebackType

LIMIT = 1000
"""Bytes of a reason. The host keeps little more of it."""


def describe(error: BaseException) -> str:
    """The exception's type, text and stack, cut to `LIMIT` bytes."""
    text = "\n".join([_name(error), *_places(error.__traceback__)])
    if error.__cause__ is not None:
        text += f"\ncaused by {_name(error.__cause__)}"
    return text.encode(errors="replace")[:LIMIT].decode(errors="ignore")


def _name(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _places(traceback: TracebackType | None) -> list[str]:
    places: list[str] = []
    while traceback is not None:
        code, line = traceback.tb_frame.f_code, traceback.tb_lineno
        source = linecache.getline(code.co_filename, line).strip()
        place = f"  at {code.co_qualname} ({basename(code.co_filename)}:{line})" + (f": {source}" if source else "")
        if place not in places[-1:]:  # once is enough of a recursion
            places.append(place)
        traceback = traceback.tb_next
    return places[::-1]
