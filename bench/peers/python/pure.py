"""The jobs with kafka-python: records taken in batches, committed once all that came of them is delivered."""

import time

from kafka import KafkaConsumer, KafkaProducer

from order_status import enrich
from settings import BROKERS, COMMIT_INTERVAL, COPIES, DEAD_LETTERS, GROUP, INPUT, OUTPUT, Stop

BATCH = 1000

failed = []


def produce(producer, topic, record, value, headers):
    sent = producer.send(
        topic, value=value, key=record.key, headers=list(headers), timestamp_ms=record.timestamp
    )
    sent.add_errback(failed.append)


def work(producer, record):
    if COPIES:
        produce(producer, OUTPUT, record, record.value, record.headers)
        return
    try:
        enriched = enrich(record.value)
    except (ValueError, KeyError, TypeError) as error:
        reason = [
            ("reason", str(error).encode()),
            ("partition", str(record.partition).encode()),
            ("offset", str(record.offset).encode()),
        ]
        produce(producer, DEAD_LETTERS, record, record.value, [*record.headers, *reason])
        return
    if enriched is not None:
        produce(producer, OUTPUT, record, enriched, record.headers)


def commit(consumer, producer):
    producer.flush()
    if failed:
        raise failed[0]
    consumer.commit()


def main():
    stop = Stop()
    consumer = KafkaConsumer(
        INPUT,
        bootstrap_servers=BROKERS,
        group_id=GROUP,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=BATCH,
    )
    producer = KafkaProducer(
        bootstrap_servers=BROKERS,
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        # As the documentation recommends for more throughput; the default waits for nothing.
        linger_ms=5,
    )
    due, uncommitted = time.monotonic() + COMMIT_INTERVAL, False
    while not stop:
        for records in consumer.poll(timeout_ms=100).values():
            for record in records:
                work(producer, record)
                uncommitted = True
        if uncommitted and time.monotonic() >= due:
            commit(consumer, producer)
            due, uncommitted = time.monotonic() + COMMIT_INTERVAL, False
    if uncommitted:
        commit(consumer, producer)
    producer.close()
    consumer.close(autocommit=False)


main()
