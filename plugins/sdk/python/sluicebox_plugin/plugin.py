"""What a plugin is: the class to derive from."""

from abc import ABC, abstractmethod

from .fields import Fields
from .record import Record
from .verdict import Verdict


class Plugin(ABC):
    """A plugin: what a stage runs. Derive one class from it in the module `plugin`.

    `__init__(self, config: Config, stage: Stage)` starts it, where `Config` is a dataclass of your own that says
    what the stage's `config:` may hold. Either argument may be left out; without `config` the stage takes none.
    """

    needs: Fields
    """The fields of a record that `process` reads. Others arrive as None or empty. Set it in the class, or in
    `__init__` where it depends on the configuration."""

    @abstractmethod
    def process(self, record: Record) -> Verdict:
        """Judges one record. An exception rejects it, with its text and stack."""
