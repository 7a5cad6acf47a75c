"""The packed form of a batch and of the verdicts on it, as the interface (`sluicebox.wit`) lays it down."""

from struct import Struct
from typing import Final

INPUT_ENTRY: Final = 56
"""Bytes of an entry in the index of a batch."""
RESULT: Final = Struct("<10Iq")
"""An entry in the index of a result."""
HEADER: Final = Struct("<II")
"""What stands before a header: the lengths of its name and value."""
NULL: Final = 0xFFFFFFFF
"""A length that means null."""
INHERITED: Final = 0xFFFFFFFE
"""A length or count that means inherited."""
NO_TIMESTAMP: Final = -(2**63)
"""A timestamp that means none in a batch, and inherited in a result."""

EMIT: Final = 2
REJECT: Final = 3
RETRY: Final = 4
