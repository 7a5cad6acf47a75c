"""Keeps the records whose value contains a text, and drops the others."""

from dataclasses import dataclass

from sluicebox_plugin import DROP, KEEP, Fields, Plugin, Record, Verdict


@dataclass
class Config:
    """The stage's `config:`."""

    contains: str
    """What the value has to contain."""


class Filter(Plugin):
    needs = Fields.VALUE

    def __init__(self, config: Config) -> None:
        self.contains = config.contains.encode()

    def process(self, record: Record) -> Verdict:
        value = record.value
        return KEEP if value is None or self.contains in value else DROP
