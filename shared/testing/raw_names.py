"""Headers whose names are any bytes, as clients in Go and C may write them; ours cannot."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c

_SHORTEST = 9
_CRC_AT, _CRC_FROM = 17, 21

_raw: dict[bytes, bytes] = {}


def raw_name(raw: bytes) -> str:
    """A name of as many bytes, in whose place these stand on the topic; nine or more."""
    if len(raw) < _SHORTEST:
        raise ValueError("too short a name for one that stands in its place")
    stands_in = f"raw-{len(_raw):04d}-".ljust(len(raw), "-")
    _raw[stands_in.encode()] = raw
    return stands_in


def as_written(name: str) -> bytes:
    """The bytes of a name on the topic."""
    return _raw.get(name.encode(), name.encode())


@contextmanager
def raw_names_written() -> Iterator[None]:
    """Batches that are built within, and not compressed, have the bytes of a ``raw_name``."""
    build = BatchBuilder._build  # noqa: SLF001

    def with_raw_names(self: Any) -> Any:
        built = build(self)
        data = bytes(built)
        for stands_in, raw in _raw.items():
            data = data.replace(stands_in, raw)
        if data == bytes(built):
            return built
        batch = bytearray(data)
        struct.pack_into(">I", batch, _CRC_AT, calc_crc32c(bytes(batch[_CRC_FROM:])))
        return batch

    BatchBuilder._build = with_raw_names  # noqa: SLF001
    try:
        yield
    finally:
        BatchBuilder._build = build  # noqa: SLF001
