"""What Python finds inside a component in place of an operating system.

There a call that would reach the system is a trap, which costs the instance. So those that a program is likely to
make are answered here: clocks, randomness, standard output, files, and imports.
"""

import dataclasses
import os
import sys

from . import clock, files, imports, output, randomness
from .library import Library

_NOT_OWN = ("sdk", "build", ".venv", "tests")
"""Folders in a project whose modules are not the plugin's."""


def install() -> None:
    """Puts the answers in place. To be called before the plugin's module is imported, which takes what it finds."""
    clock.install()
    randomness.install()
    output.install()
    files.install()


def gather(folder: str) -> None:
    """Loads what the modules in the plugin's folder import anywhere, and keeps what else may be imported when
    there are no files."""
    imports.load(folder, _NOT_OWN)
    if "zoneinfo" in sys.modules:
        import importlib.resources  # noqa: F401  what zoneinfo reads its data with
    library = Library()
    # Of a module that is not frozen: a frozen one does not know its file.
    python = os.path.dirname(str(dataclasses.__file__))
    sdk = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    library.keep(python)
    others = {python, sdk, folder, "/world", "/bundled"}
    imports.keep_packages(library, [path for path in sys.path if path not in others and os.path.isdir(path)])
    library.install()


def seal(seed: str) -> None:
    """From here on there is no system: until then files can be read, for imports."""
    clock.reset()
    randomness.reset(seed)
    output.to_the_log()
    files.seal()
