"""Counters, which the host adds up under the pipeline, the stage and their name."""

from collections import Counter
from collections.abc import Callable

counted: Counter[str] = Counter()
"""What was counted outside a component, for tests."""


def count(name: str, delta: int = 1) -> None:
    """Adds `delta` to the counter `name`. A call leaves the sandbox: count in the plugin and report now and then
    where that matters."""
    _count(name, delta)


def connect(host: Callable[[str, int], None]) -> None:
    """Counts at the host from here on."""
    global _count
    _count = host


def _collect(name: str, delta: int) -> None:
    counted[name] += delta


_count: Callable[[str, int], None] = _collect
