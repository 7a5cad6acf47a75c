"""What Python finds inside a component in place of an operating system.

There a call that would reach the system is a trap, which costs the instance. So those that a program is likely to
make are answered here: clocks, randomness, standard output, files.
"""

from . import clock, files, output, randomness


def install() -> None:
    """Puts the answers in place. To be called before the plugin's module is imported, which takes what it finds."""
    clock.install()
    randomness.install()
    output.install()
    files.install()


def seal(seed: str) -> None:
    """From here on there is no system: until then files can be read, for imports."""
    clock.reset()
    randomness.reset(seed)
    output.to_the_log()
    files.seal()
