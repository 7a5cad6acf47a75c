"""The stage that a plugin is started for."""

from collections.abc import Sequence
from difflib import get_close_matches

from .errors import ConfigError


class Stage:
    """What a plugin is told of its stage when it starts."""

    __slots__ = ("name", "outputs")

    def __init__(self, name: str, outputs: Sequence[str]) -> None:
        self.name = name
        """The stage's name in the pipeline file."""
        self.outputs = tuple(outputs)
        """The names of the pipeline's outputs, `default` included."""

    def check_output(self, name: str) -> None:
        """Raises a `ConfigError` unless the pipeline has an output with this name. To be asked at start of every
        name that the configuration has."""
        if name in self.outputs:
            return
        near = get_close_matches(name, self.outputs, 1)
        hint = f"did you mean `{near[0]}`? " if near else ""
        raise ConfigError(f"the pipeline has no output `{name}`; {hint}its outputs are: {', '.join(self.outputs)}")
