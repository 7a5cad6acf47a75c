"""Keeps orders of some statuses, adds up what they cost and hides whose they are."""

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from sluicebox_plugin import DROP, KEEP, ConfigError, Emit, Fields, Plugin, Record, Reject, Verdict

LARGEST = 2**53 - 1
"""The largest number that every reader of JSON takes as it is."""


@dataclass
class Config:
    statuses: list[str]

    def __post_init__(self) -> None:
        if not self.statuses:
            raise ConfigError("config.statuses: must name at least one status")


class OrderEnrich(Plugin):
    needs = Fields.VALUE

    def __init__(self, config: Config) -> None:
        self.statuses = frozenset(config.statuses)

    def process(self, record: Record) -> Verdict:
        value = record.value
        if value is None:
            return KEEP
        order = parse(value)
        if order is None:
            return Reject("the value is not a JSON object")
        status = order.get("status")
        if not isinstance(status, str):
            return Reject("status is not a string")
        if status not in self.statuses:
            return DROP
        if (quantity := whole(order.get("quantity"))) is None:
            return Reject("quantity is not a whole number")
        if (price := whole(order.get("price_cents"))) is None:
            return Reject("price_cents is not a whole number")
        total = quantity * price
        if abs(total) > LARGEST:
            return Reject("total_cents is too large")
        order["total_cents"] = total
        order.pop("internal_note", None)
        customer = order.get("customer")
        if isinstance(customer, dict) and isinstance(customer.get("email"), str):
            customer["email"] = mask(customer["email"])
        return Emit(value=write(order))


def parse(value: bytes) -> dict[str, Any] | None:
    """The object that the JSON text is; None where it is anything else."""
    try:
        text = value.decode().strip(" \t\r\n")
        order, end = read(text)
    except (ValueError, RecursionError):
        return None
    return order if end == len(text) and isinstance(order, dict) else None


def refuse(constant: str) -> NoReturn:
    """Python reads NaN and Infinity, which JSON does not have."""
    raise ValueError(constant)


# Made once: `json.loads` and `json.dumps` make a decoder or an encoder at each call that has options. What was read
# has no circles to look for.
read = json.JSONDecoder(parse_constant=refuse).raw_decode
write = json.JSONEncoder(allow_nan=False, check_circular=False, separators=(",", ":")).encode


def whole(number: object) -> int | None:
    """A number whose value is whole and that a double holds exactly."""
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    return number if type(number) is int and abs(number) <= LARGEST else None


def mask(email: str) -> str:
    """The first letter and the domain stay."""
    at = email.rfind("@")
    return f"{email[0]}***{email[at:]}" if at > 0 and email[0] != "@" else "***"
