"""Puts a prefix before the value of every record."""

from dataclasses import dataclass

from sluicebox_plugin import KEEP, Emit, Fields, Plugin, Record, Reject, Verdict


@dataclass
class Config:
    """The stage's `config:`."""

    prefix: str
    """What is put before the value."""


class Transform(Plugin):
    needs = Fields.VALUE

    def __init__(self, config: Config) -> None:
        self.prefix = config.prefix.encode()

    def process(self, record: Record) -> Verdict:
        value = record.value
        if value is None:
            return KEEP
        if not value:
            return Reject("the value is empty")
        return Emit(value=self.prefix + value)
