"""Windows: every message on the partition that Kafka's own partitioner chooses."""

import tracemalloc

import pytest
from aiokafka.partitioner import DefaultPartitioner

from shared.chassis.kafka.windows import _partition

PARTITIONS = list(range(24))


KEYS = [b"", b"k", b"0199c0de-0000-7000-8000-0000000000a1", b"k" * 36, b"k" * 65_536]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_goes_where_kafka_would_put_it(key: bytes) -> None:
    expected = DefaultPartitioner()(key, PARTITIONS, PARTITIONS)
    assert _partition(key, len(PARTITIONS)) == expected
    assert _partition(None, len(PARTITIONS)) == 0


def test_keys_of_any_length_are_not_kept() -> None:
    tracemalloc.start()
    try:
        for number in range(16):
            _partition(bytes([number]) * 4_096, len(PARTITIONS))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 16_384
