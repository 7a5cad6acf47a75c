"""What becomes of an order, with the json module of Python."""

import json

STATUSES = frozenset(("shipped", "delivered", "cancelled"))


def enrich(value):
    """The new value; None where the order does not matter. What is no order is a ValueError, KeyError or TypeError."""
    order = json.loads(value)
    if order["status"] not in STATUSES:
        return None
    customer = order["customer"]
    customer["email"] = mask(customer["email"])
    order["total_cents"] = order["quantity"] * order["price_cents"]
    order.pop("internal_note", None)
    return json.dumps(order, separators=(",", ":")).encode()


def mask(email):
    """The address with its first letter and its domain alone."""
    local, at, domain = email.rpartition("@")
    if not at:
        return "***"
    return f"{local[0]}***@{domain}" if len(local) > 1 else f"***@{domain}"
