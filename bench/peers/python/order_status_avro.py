"""What becomes of an order in Avro, with Confluent's serializers, which work with fastavro."""

import os

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from order_status import STATUSES, mask
from settings import INPUT, OUTPUT

REGISTRY = SchemaRegistryClient({"url": os.environ["REGISTRY"]})
DECODE = AvroDeserializer(REGISTRY)
ENCODE = AvroSerializer(REGISTRY, None, conf={"auto.register.schemas": False, "use.latest.version": True})
READ = SerializationContext(INPUT, MessageField.VALUE)
WRITTEN = SerializationContext(OUTPUT, MessageField.VALUE)


def enrich(value):
    """The new value; None where the order does not matter. What is no order is a ValueError."""
    try:
        order = DECODE(value, READ)
    except Exception as error:
        # fastavro has no class of its own for what is no data of the schema.
        raise ValueError(f"not an order: {error!r}") from error
    if order["status"] not in STATUSES:
        return None
    customer = order["customer"]
    customer["email"] = mask(customer["email"])
    order["total_cents"] = order["quantity"] * order["price_cents"]
    del order["internal_note"]
    return ENCODE(order, WRITTEN)
