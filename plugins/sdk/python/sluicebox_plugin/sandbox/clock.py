"""A clock for where there is none: it starts at the beginning of the year 2026 and advances by a millisecond each
time it is read, so that what waits for it comes to an end."""

import _strptime  # noqa: F401  what strptime() imports when it is first called: here it costs no instance anything
import datetime as module
import time

START = 1_767_225_600 * 10**9
STEP = 10**6

_now = START


def reset() -> None:
    """Restarts the clock."""
    global _now
    _now = START


def install() -> None:
    """Replaces the clocks of the modules `time` and `datetime`."""
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
        setattr(time, name, _seconds)
        setattr(time, f"{name}_ns", _nanoseconds)
    time.clock_gettime = lambda clock: _seconds()
    time.clock_gettime_ns = lambda clock: _nanoseconds()
    time.sleep = _sleep
    _fill_in_now()
    _replace_datetime()


def _nanoseconds() -> int:
    global _now
    _now += STEP
    return _now


def _seconds() -> float:
    return _nanoseconds() / 1e9


def _sleep(seconds: float) -> None:
    global _now
    _now += int(seconds * 1e9)


def _fill_in_now() -> None:
    """Has the functions that take now for a time that is not given ask this clock for it."""
    gmtime, ctime, asctime, strftime = time.gmtime, time.ctime, time.asctime, time.strftime

    def at(seconds: float | None = None) -> time.struct_time:
        return gmtime(_seconds() if seconds is None else seconds)

    time.gmtime = at
    time.localtime = at  # the time zone is UTC
    time.ctime = lambda seconds=None: ctime(_seconds() if seconds is None else seconds)
    time.asctime = lambda moment=None: asctime(at() if moment is None else moment)
    time.strftime = lambda form, moment=None: strftime(form, at() if moment is None else moment)


def _replace_datetime() -> None:
    """`datetime.now()` asks the system in C, so a class of that name asks this clock."""
    original = module.datetime

    class datetime(original):
        __slots__ = ()
        __module__ = "datetime"
        __doc__ = original.__doc__

        @classmethod
        def now(cls, tz: module.tzinfo | None = None) -> "datetime":
            return cls.fromtimestamp(_seconds(), tz)

        @classmethod
        def utcnow(cls) -> "datetime":
            return cls.now(module.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> "datetime":
            return cls.now()

    datetime.__qualname__ = "datetime"
    datetime.min, datetime.max = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)
    module.datetime = datetime
