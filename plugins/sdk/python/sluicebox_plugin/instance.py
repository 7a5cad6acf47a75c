"""A plugin as the host sees it: started from a configuration, then from packed batches to packed verdicts."""

import inspect
from typing import Any, get_type_hints

from . import config
from .errors import FatalError, RetryBatch
from .fields import Fields
from .packed import INPUT_ENTRY
from .plugin import Plugin
from .record import Record
from .result import ResultWriter
from .stack import describe
from .stage import Stage
from .verdict import KEEP, Reject


class Starter:
    """A plugin's class before it is started, and how its configuration is read."""

    def __init__(self, plugin: type[Plugin]) -> None:
        self._plugin = plugin
        init = plugin.__init__
        parameters = [] if init is object.__init__ else list(inspect.signature(init).parameters)[1:]
        if unknown := set(parameters) - {"config", "stage"}:
            raise TypeError(f"{plugin.__name__}.__init__ takes {unknown.pop()!r}: name its arguments config and stage")
        self._parameters = parameters
        self.config: Any = get_type_hints(init).get("config", Any) if "config" in parameters else None
        """The type of the configuration; None where the plugin takes none."""
        self._read = config.no_config if self.config is None else config.reader(self.config)

    def start(self, stage: Stage, text: str) -> "Instance":
        """Starts an instance from the JSON text of its configuration."""
        arguments = {"config": config.read(self._read, text), "stage": stage}
        plugin = self._plugin(**{name: arguments[name] for name in self._parameters})
        return Instance(plugin)


class Instance:
    """A started plugin."""

    __slots__ = ("_process", "needs")

    def __init__(self, plugin: Plugin) -> None:
        needs = getattr(plugin, "needs", None)
        if not isinstance(needs, Fields):
            raise TypeError(f"{type(plugin).__name__}.needs is {needs!r}, expected Fields, like needs = Fields.VALUE")
        self.needs = needs
        self._process = plugin.process

    def process(self, index: bytes, data: bytes) -> tuple[bytes, bytes, bytes]:
        """Judges a batch. A failure of the whole batch is raised, and a lack of memory, which is the host's to
        judge; any other exception rejects its record."""
        result = ResultWriter(len(index) // INPUT_ENTRY)
        process, push = self._process, result.push
        for number, at in enumerate(range(0, len(index), INPUT_ENTRY)):
            try:
                verdict = process(Record(index, at, data))
                if verdict is not KEEP:
                    push(number, verdict)
            except (RetryBatch, FatalError, MemoryError):
                raise
            except BaseException as error:  # sys.exit() too
                if error.__traceback__ is not None:
                    error = error.with_traceback(error.__traceback__.tb_next)
                push(number, Reject(describe(error)))
        return result.finish()
