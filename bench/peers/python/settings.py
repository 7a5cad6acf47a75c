"""What a run tells the programs, by the environment."""

import os
import signal

BROKERS = os.environ["BROKERS"]
GROUP = os.environ["GROUP"]
INPUT = os.environ["INPUT"]
OUTPUT = os.environ["OUTPUT"]
DEAD_LETTERS = os.environ.get("DEAD_LETTERS")

COPIES = os.environ["JOB"] == "copy"
IS_AVRO = os.environ["JOB"] == "order-status-avro"

# Seconds between two commits: as often as the others.
COMMIT_INTERVAL = 1.0


class Stop:
    """True once the program is asked to end."""

    def __init__(self):
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.ask)

    def ask(self, *_):
        self.asked = True

    def __bool__(self):
        return self.asked
