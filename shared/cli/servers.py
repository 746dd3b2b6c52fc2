"""Asks PostgreSQL and Kafka of a stack, as a client would, whether they answer."""

import asyncio
import logging
from typing import Any, Final

import asyncpg
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from shared.broker.access import BrokerAccess

_WITHIN: Final = 3.0
_NOT_ANSWERED: Final = (OSError, ValueError, TimeoutError, asyncpg.PostgresError, KafkaError)


def asked(postgres_url: str, broker: BrokerAccess) -> tuple[dict[str, Any], dict[str, Any]]:
    """What both say: `ready`, the version where the server tells it, or else the error's name."""
    return asyncio.run(_asked(postgres_url, broker))


async def _asked(postgres_url: str, broker: BrokerAccess) -> tuple[dict[str, Any], dict[str, Any]]:
    return await asyncio.gather(_postgres(postgres_url), _kafka(broker))


async def _postgres(url: str) -> dict[str, Any]:
    try:
        connection = await asyncpg.connect(url, timeout=_WITHIN)
        try:
            version = await connection.fetchval("SHOW server_version", timeout=_WITHIN)
        finally:
            connection.terminate()
    except (*_NOT_ANSWERED, asyncpg.InterfaceError) as error:
        return {"ready": False, "error": type(error).__name__}
    return {"ready": True, "version": str(version).partition(" ")[0]}


async def _kafka(broker: BrokerAccess) -> dict[str, Any]:
    # Whether the broker answers is the question; the client's own errors would only confuse.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        options = broker.options
    except (OSError, ValueError, KeyError) as error:
        return {"ready": False, "error": type(error).__name__}
    client = AIOKafkaClient(**options, request_timeout_ms=int(_WITHIN * 1000))
    try:
        async with asyncio.timeout(_WITHIN):
            await client.bootstrap()
        ready = bool(client.cluster.brokers())
    except _NOT_ANSWERED as error:
        return {"ready": False, "error": type(error).__name__}
    finally:
        await client.close()
    return {"ready": ready}
