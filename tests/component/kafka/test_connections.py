"""A connection that the other side has closed, on the event loop that services run on."""

import asyncio

import pytest
import uvloop
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from shared.chassis.kafka.client import refuse_closed_connections

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def said_of_a_closed_connection(servers: str) -> type[Exception]:
    """What whoever writes to it is told, until aiokafka has seen by itself that it is closed."""
    client = AIOKafkaClient(bootstrap_servers=servers)
    await client.bootstrap()
    try:
        node = client.get_random_node()
        assert await client.ready(node)
        (connection,) = client._conns.values()
        connection._writer.transport.abort()
        said: type[Exception] = AssertionError
        while connection._writer is not None:
            try:
                connection.send(MetadataRequest([])).close()
            except RuntimeError as error:
                said = type(error)
            await asyncio.sleep(0)
        await client.send(node, MetadataRequest([]))
        return said
    finally:
        await client.close()


async def test_it_is_an_error_of_the_connection(
    kafka_servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AIOKafkaConnection, "send", AIOKafkaConnection.send)  # put back afterwards
    as_it_was = await asyncio.to_thread(uvloop.run, said_of_a_closed_connection(kafka_servers))
    assert as_it_was is RuntimeError, "aiokafka has learned it: refuse_closed_connections may go"
    refuse_closed_connections()
    said = await asyncio.to_thread(uvloop.run, said_of_a_closed_connection(kafka_servers))
    assert said is KafkaConnectionError
