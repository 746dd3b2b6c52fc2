"""The proxy of the fault trials leaves no connection open when one end has gone."""

import asyncio

import pytest

from shared.testing.eventually import eventually
from tests.faults.stack.proxy import Proxy

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

MUCH = b"x" * 65_536
TIMES = 500  # more than the proxy and both kernels hold


async def test_connection_when_the_near_end_goes_then_the_far_end_is_closed() -> None:
    left = asyncio.Event()

    async def sends_much(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for _number in range(TIMES):
                writer.write(MUCH)
                await writer.drain()
        except OSError:
            pass
        finally:
            left.set()
            writer.transport.abort()

    far = await asyncio.start_server(sends_much, "127.0.0.1", 0)
    async with far, Proxy("127.0.0.1", far.sockets[0].getsockname()[1]) as proxy:
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        await eventually(lambda: proxy.connections == 2, "both ends are open")
        writer.transport.abort()
        await eventually(left.is_set, "the far end has been let go")
        await eventually(lambda: proxy.connections == 0, "nothing is left open")
