"""A TCP proxy between a service and one of its servers: slows, holds, refuses, cuts connections."""

import asyncio
from typing import Self

_CHUNK = 65_536
_AHEAD = 64


class Proxy:
    """Passes bytes on both ways; its switches take effect on connections that are open, too."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.latency = 0.0
        self.is_refusing = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.let_flow()
        if self._server is not None:
            self._server.close()
        self.cut()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def connections(self) -> int:
        """Ends of connections that are open."""
        return len(self._open)

    def cut(self) -> None:
        """Resets every connection."""
        for writer in list(self._open):
            writer.transport.abort()

    def hold(self) -> None:
        """Takes bytes and connections, and passes nothing on."""
        self._flowing.clear()

    def let_flow(self) -> None:
        """Passes on again, what was held first."""
        self._flowing.set()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_refusing:
            writer.transport.abort()
            return
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, up_writer}
        try:
            await asyncio.gather(self._pump(reader, up_writer), self._pump(up_reader, writer))
        finally:
            for one in (writer, up_writer):
                self._open.discard(one)
                one.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_AHEAD)
        writing = asyncio.create_task(self._write(due, writer))
        loop = asyncio.get_running_loop()
        try:
            while chunk := await reader.read(_CHUNK):
                await due.put((loop.time() + self.latency, chunk))
            await due.put((loop.time() + self.latency, b""))
            await writing
        except OSError:
            writer.transport.abort()
        finally:
            writing.cancel()

    async def _write(
        self, due: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                at, chunk = await due.get()
                if at > loop.time():
                    await asyncio.sleep(at - loop.time())  # the latency itself
                await self._flowing.wait()
                if not chunk:
                    writer.close()
                    return
                writer.write(chunk)
                await writer.drain()
        except OSError:
            # Nobody takes it any more. The other end is read to its end all the same: with the
            # queue full, it would be waited for by nobody and left open.
            while chunk:
                _, chunk = await due.get()
