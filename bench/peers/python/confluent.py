"""The jobs with confluent-kafka-python: records taken in batches, or with `--poll` one by one as its introduction does,
and committed once all that came of them is delivered."""

import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer

from settings import BROKERS, COMMIT_INTERVAL, COPIES, DEAD_LETTERS, GROUP, INPUT, IS_AVRO, OUTPUT, Stop

if IS_AVRO:
    from order_status_avro import enrich
else:
    from order_status import enrich

BATCH = 1000
ONE_BY_ONE = sys.argv[1:] == ["--poll"]

failed = []


def delivered(error, _message):
    if error is not None:
        failed.append(error)


def produce(producer, topic, message, value, headers):
    while True:
        try:
            producer.produce(
                topic,
                value,
                message.key(),
                timestamp=message.timestamp()[1],
                headers=headers,
                on_delivery=delivered,
            )
            return
        except BufferError:
            producer.poll(0.1)


def take(consumer):
    if not ONE_BY_ONE:
        return consumer.consume(BATCH, timeout=0.1)
    message = consumer.poll(timeout=0.1)
    return [] if message is None else [message]


def work(producer, message):
    if message.error():
        raise KafkaException(message.error())
    value, headers = message.value(), message.headers()
    if COPIES:
        produce(producer, OUTPUT, message, value, headers)
        return
    try:
        enriched = enrich(value)
    except (ValueError, KeyError, TypeError) as error:
        reason = [("reason", str(error)), ("partition", str(message.partition())), ("offset", str(message.offset()))]
        produce(producer, DEAD_LETTERS, message, value, (headers or []) + reason)
        return
    if enriched is not None:
        produce(producer, OUTPUT, message, enriched, headers)


def commit(consumer, producer):
    producer.flush()
    if failed:
        raise KafkaException(failed[0])
    consumer.commit(asynchronous=False)


def main():
    stop = Stop()
    consumer = Consumer({
        "bootstrap.servers": BROKERS,
        "group.id": GROUP,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    })
    producer = Producer({
        "bootstrap.servers": BROKERS,
        "acks": "all",
        "enable.idempotence": True,
        "compression.type": "lz4",
        # Keys keep the partition that Java clients would give them.
        "partitioner": "murmur2_random",
    })
    consumer.subscribe([INPUT])
    due, uncommitted = time.monotonic() + COMMIT_INTERVAL, False
    while not stop:
        for message in take(consumer):
            work(producer, message)
            uncommitted = True
        producer.poll(0)
        if uncommitted and time.monotonic() >= due:
            commit(consumer, producer)
            due, uncommitted = time.monotonic() + COMMIT_INTERVAL, False
    if uncommitted:
        commit(consumer, producer)
    consumer.close()


main()
