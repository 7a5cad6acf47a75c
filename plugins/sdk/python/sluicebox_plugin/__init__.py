"""Write Sluicebox plugins in Python: a class with one method from a record to a verdict."""

from . import log
from .errors import ConfigError, FatalError, RetryBatch
from .fields import Fields
from .metrics import count
from .plugin import Plugin
from .record import Record, Source
from .stage import Stage
from .verdict import DROP, INHERIT, KEEP, Emit, Reject, Retry, Verdict

__all__ = [
    "DROP",
    "INHERIT",
    "KEEP",
    "ConfigError",
    "Emit",
    "FatalError",
    "Fields",
    "Plugin",
    "Record",
    "Reject",
    "Retry",
    "RetryBatch",
    "Source",
    "Stage",
    "Verdict",
    "count",
    "log",
]
