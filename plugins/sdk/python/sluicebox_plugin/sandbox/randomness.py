"""Randomness for where there is none: a generator that is seeded with the stage's name.

Every start draws the same numbers, so they are no use for secrets.
"""

import os
import random
from _random import Random as Generator

_generator = Generator()


def reset(seed: str) -> None:
    """Restarts the generators with a seed."""
    _generator.seed(int.from_bytes(seed.encode()))
    random.seed()


def install() -> None:
    """Replaces what seeds itself from the system: `os.urandom`, and the generators of the module `random`."""
    os.urandom = random._urandom = _urandom
    random.Random = _Random
    random._inst = shared = _Random()
    for name in random.__all__:
        if hasattr(shared, name):
            setattr(random, name, getattr(shared, name))


def _urandom(size: int) -> bytes:
    return _generator.getrandbits(8 * size).to_bytes(size) if size else b""


class _Random(random.Random):
    """A generator that takes its seed from `_urandom` where none is given."""

    def __new__(cls, seed: object = None) -> "_Random":
        return super().__new__(cls, 0)  # that of C takes the system's for None

    def seed(self, a: object = None, version: int = 2) -> None:
        super().seed(int.from_bytes(_urandom(32)) if a is None else a, version)


_Random.__name__ = _Random.__qualname__ = "Random"
_Random.__module__ = "random"
