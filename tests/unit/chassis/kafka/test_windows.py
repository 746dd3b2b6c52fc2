"""Windows: every message on the partition that Kafka's own partitioner chooses."""

import tracemalloc
from uuid import uuid4

import pytest
from aiokafka.partitioner import DefaultPartitioner

from shared.chassis.kafka.windows import _partition

PARTITIONS = list(range(24))


@pytest.mark.parametrize("key", [b"", b"k", str(uuid4()).encode(), b"k" * 36, b"k" * 65_536])
def test_a_key_goes_where_kafka_would_put_it(key: bytes) -> None:
    expected = DefaultPartitioner()(key, PARTITIONS, PARTITIONS)
    assert _partition(key, len(PARTITIONS)) == expected
    assert _partition(None, len(PARTITIONS)) == 0


def test_keys_of_any_length_are_not_kept() -> None:
    tracemalloc.start()
    try:
        for number in range(16):
            _partition(bytes([number]) * 65_536, len(PARTITIONS))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 65_536
