"""Files for where there are none: an attempt to reach one is an error that says so."""

import builtins
import codecs
import errno
import io
import os
import posix
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_FUNCTIONS = (
    "access chdir chmod close fstat fsync ftruncate isatty link listdir lseek lstat mkdir open pipe pread pwrite read "
    "readlink remove rename replace rmdir scandir stat statvfs symlink truncate unlink utime write"
)

_CODECS = "ascii latin-1 cp1252 utf-8-sig utf-16 utf-16-le utf-16-be utf-32"
"""What `decode()` imports when it is first asked for it: here it costs no instance anything. The others come from
the library."""

_sealed = False


def install() -> None:
    """Puts a guard before the functions that reach files."""
    for name in _FUNCTIONS.split():
        if hasattr(posix, name):
            guarded = _guard(getattr(posix, name))
            setattr(posix, name, guarded)
            setattr(os, name, guarded)
    for name in _CODECS.split():
        codecs.lookup(name)
    builtins.open = io.open = _guard(io.open)
    io.FileIO = _guard(io.FileIO)


def seal() -> None:
    """From here on the guards let nothing pass, and a module that is not there is told from one that was not
    found by the build."""
    global _sealed
    _sealed = True
    sys.meta_path.append(_Missing)


def _guard(function: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if _sealed:
            raise PermissionError(errno.EPERM, "a plugin has no files", *args[:1])
        return function(*args, **kwargs)

    return guarded


class _Missing:
    """The last to be asked for a module."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        advice = "the build has not found it: import it in the plugin's own files, under its own name"
        if name.partition(".")[0] in sys.stdlib_module_names:
            advice = "this part of Python's library does not exist in a sandbox"
        raise ModuleNotFoundError(f"No module named {name!r} ({advice})", name=name)
