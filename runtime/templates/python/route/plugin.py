"""Sends the records whose value contains a text to an output of their own."""

from dataclasses import dataclass

from sluicebox_plugin import KEEP, Emit, Fields, Plugin, Record, Stage, Verdict


@dataclass
class Config:
    """The stage's `config:`."""

    contains: str
    """What the value has to contain."""
    output: str
    """Where such a record goes."""


class Route(Plugin):
    needs = Fields.VALUE

    def __init__(self, config: Config, stage: Stage) -> None:
        stage.check_output(config.output)
        self.contains = config.contains.encode()
        self.output = config.output

    def process(self, record: Record) -> Verdict:
        value = record.value
        return Emit(to=self.output) if value is not None and self.contains in value else KEEP
