"""Confluent's serializers and deserializers, and fastavro, at both ends of a topic.

    clients.py write FORMAT BROKERS REGISTRY TOPIC COUNT
    clients.py read FORMAT BROKERS REGISTRY TOPIC COUNT

FORMAT: avro, protobuf or json, with `-header` behind it where ids go into headers; random, Avro of random schemas;
or fastavro, without a registry. Each prints a line of JSON for each record, in order: what was written, or what was
read.
"""

import base64
import datetime
import decimal
import io
import json
import pathlib
import random
import sys

import fastavro
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import (
    SchemaRegistryClient,
    header_schema_id_serializer,
    prefix_schema_id_serializer,
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

sys.path.append(str(pathlib.Path(__file__).parents[2] / "runtime/tests/fastavro"))
import records  # noqa: E402

AVRO = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "quantity", "type": "long"},
        {"name": "ratio", "type": "double"},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "placed_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID"]}},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "counts", "type": {"type": "map", "values": "long"}},
        {"name": "raw", "type": {"type": "fixed", "name": "Raw", "size": 3}},
        {"name": "parent", "type": ["null", "Order"], "default": None},
    ],
}

JSON_SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Order",
    "type": "object",
    "properties": {"id": {"type": "string"}, "quantity": {"type": "integer"}, "tags": {"type": "array"}},
    "required": ["id"],
}


def proto_class():
    file = descriptor_pb2.FileDescriptorProto(name="order.proto", package="shop", syntax="proto3")
    other = file.message_type.add(name="Other")
    other.field.add(name="x", number=1, type=5, label=1)
    order = file.message_type.add(name="Order")
    # string, int64, double, bytes, repeated string, a message.
    order.field.add(name="id", number=1, type=9, label=1)
    order.field.add(name="quantity", number=2, type=3, label=1)
    order.field.add(name="ratio", number=3, type=1, label=1)
    order.field.add(name="raw", number=4, type=12, label=1)
    order.field.add(name="tags", number=5, type=9, label=3)
    order.field.add(name="other", number=6, type=11, label=1, type_name=".shop.Other")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Order"))


def text(chance):
    return "".join(chance.choice("abcü€😀\"\\\n ") for _ in range(chance.randrange(8)))


def avro_order(chance, depth=0):
    millis = chance.randrange(-10**12, 4 * 10**12)
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return {
        "id": text(chance),
        "quantity": chance.choice([0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63)]),
        "ratio": chance.choice([0.0, 0.1, -1.5e300, 5e-324]),
        "price": decimal.Decimal(chance.randrange(-(10**9) + 1, 10**9)).scaleb(-2),
        "placed_at": epoch + datetime.timedelta(milliseconds=millis),
        "day": datetime.date(1970, 1, 1) + datetime.timedelta(days=chance.randrange(-10000, 20000)),
        "status": chance.choice(["NEW", "PAID"]),
        "note": chance.choice([None, text(chance)]),
        "tags": [text(chance) for _ in range(chance.randrange(3))],
        "counts": {text(chance): chance.randrange(100) for _ in range(chance.randrange(3))},
        "raw": bytes(chance.randrange(256) for _ in range(3)),
        "parent": avro_order(chance, depth + 1) if depth < 2 and chance.random() < 0.3 else None,
    }


def json_order(chance):
    return {"id": text(chance), "quantity": chance.randrange(-(10**9), 10**9), "tags": [text(chance), None, {"a": 1.5}]}


def proto_order(cls, chance):
    order = cls(id=text(chance), quantity=chance.choice([0, 7, 2**63 - 1, -(2**63)]), ratio=chance.choice([0.0, 0.1]))
    order.raw = bytes(chance.randrange(256) for _ in range(chance.randrange(4)))
    order.tags.extend(text(chance) for _ in range(chance.randrange(3)))
    if chance.random() < 0.5:
        order.other.x = chance.randrange(100)
    return order


def plain(value):
    """What is no JSON, as text that says the same."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, decimal.Decimal):
        return str(value.quantize(decimal.Decimal("0.01")))
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    raise TypeError(type(value))


class Avro:
    def __init__(self, registry, conf):
        self.to = AvroSerializer(registry, json.dumps(AVRO), conf=conf) if conf else None
        self.of = AvroDeserializer(registry)
        self.make = avro_order

    def show(self, value):
        return value


class RandomAvro:
    """Fifty records of each of many schemas. What Python has no value for in every year stays a number."""

    def __init__(self, registry, conf):
        self.registry, self.conf = registry, conf
        self.of = AvroDeserializer(registry)
        self.number = 0

    def make(self, chance):
        if self.number % 50 == 0:
            records.rng.seed(chance.random())
            self.schema, self.names = records.strip(records.Schemas().record(5)), {}
            # The deserializer refuses what has no byte.
            self.schema["fields"].append({"name": "number", "type": "int"})
            records.define(self.schema, self.names)
            self.to_schema = AvroSerializer(self.registry, json.dumps(self.schema), conf=self.conf)
        self.number += 1
        return records.value(self.schema, self.names, 6)

    def to(self, value, context):
        data = self.to_schema(value, context)
        self.written = records.read(data[5:], fastavro.parse_schema(self.schema))
        return data

    def show(self, value):
        return repr(self.written if self.conf else value)


class Json:
    def __init__(self, registry, conf):
        self.to = JSONSerializer(json.dumps(JSON_SCHEMA), registry, conf=conf) if conf else None
        self.of = JSONDeserializer(None, schema_registry_client=registry)
        self.make = json_order

    def show(self, value):
        return value


class Protobuf:
    def __init__(self, registry, conf):
        cls = proto_class()
        self.to = ProtobufSerializer(cls, registry, conf=conf) if conf else None
        self.of = ProtobufDeserializer(cls)
        self.make = lambda chance: proto_order(cls, chance)

    def show(self, value):
        return json_format.MessageToDict(value, always_print_fields_with_no_presence=True)


class FastAvro:
    def __init__(self, _registry, _conf):
        self.schema = fastavro.parse_schema(AVRO)
        self.make = avro_order

    def to(self, value, _context):
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self.schema, value)
        return out.getvalue()

    def of(self, data, _context):
        return fastavro.schemaless_reader(io.BytesIO(data), self.schema, None)

    def show(self, value):
        return value


def main():
    command, name, brokers, url, topic, count = sys.argv[1:]
    kind, _, place = name.partition("-")
    registry = SchemaRegistryClient({"url": url})
    conf = {
        "subject.name.strategy": topic_subject_name_strategy,
        "schema.id.serializer": header_schema_id_serializer if place == "header" else prefix_schema_id_serializer,
    }
    kinds = {"avro": Avro, "random": RandomAvro, "json": Json, "protobuf": Protobuf, "fastavro": FastAvro}
    codec = kinds[kind](registry, conf if command == "write" else None)
    if command == "write":
        producer = Producer({"bootstrap.servers": brokers})
        chance = random.Random(name)
        for number in range(int(count)):
            value, headers = codec.make(chance), []
            data = codec.to(value, SerializationContext(topic, MessageField.VALUE, headers))
            producer.produce(topic, data, f"key-{number}", headers=headers)
            print(json.dumps(codec.show(value), default=plain))
        if producer.flush(30):
            sys.exit("the brokers have not taken all records within 30 s")
        return
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": f"{topic}.clients", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    for _ in range(int(count)):
        message = consumer.poll(30)
        if message is None or message.error():
            sys.exit(f"no record within 30 s: {message and message.error()}")
        headers = message.headers() or []
        has_prefix = message.value()[:1] == b"\0" and not headers
        if kind != "fastavro" and has_prefix == (place == "header"):
            sys.exit(f"the id of the schema is not where it should be: {message.value()[:6]!r}, {headers}")
        value = codec.of(message.value(), SerializationContext(topic, MessageField.VALUE, headers))
        print(json.dumps(codec.show(value), default=plain))
    consumer.close()


main()
