"""Load on an HTTP door: requests over kept connections, each as soon as the last is answered.

``python -m benchmarks.measuring.load`` reads what to do from standard input, as JSON, and prints
the sample. It speaks just enough HTTP/1.1, so that the client costs little beside the server.
"""

import asyncio
import sys
from dataclasses import asdict, dataclass, field
from itertools import cycle
from uuid import uuid4

import orjson
import uvloop

from benchmarks.measuring.measure import Sample, closed_loop, must_be

PLACE = "{new-uuid}"
"""In the body: replaced by another UUID in every request."""


@dataclass(frozen=True)
class Load:
    """Requests from so many at once, bodies in turn; every answer must have this status.

    Where there are ``paths``, they are asked in turn in place of ``path``.
    """

    port: int
    method: str
    path: str
    headers: dict[str, str]
    in_flight: int
    seconds: float
    status: int
    bodies: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


async def apply(load: Load) -> Sample:
    """The sample of a load, applied from this process."""
    bodies = cycle(load.bodies or [""])
    connections = [await Connection.to(load.port) for _ in range(load.in_flight)]
    head = "".join(f"{name}: {value}\r\n" for name, value in load.headers.items())
    paths = cycle(load.paths or [load.path])

    async def call(number: int) -> None:
        given = next(bodies).replace(PLACE, str(uuid4())).encode()
        begin = f"{load.method} {next(paths)} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}"
        request = f"{begin}Content-Length: {len(given)}\r\n\r\n".encode() + given
        must_be("status", await connections[number].ask(request), load.status)

    try:
        return await closed_loop(load.in_flight, load.seconds, call)
    finally:
        for connection in connections:
            connection.close()


async def apply_from_elsewhere(load: Load) -> Sample:
    """The same from a process of its own."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.measuring.load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await running.communicate(orjson.dumps(asdict(load)))
    must_be("the load ended with", running.returncode, 0)
    return Sample(**orjson.loads(told))


class Connection:
    """One kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> "Connection":
        """A connection to a door of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> int:
        """The status of the answer."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        await self._reader.readexactly(int(length or 0))
        return int(head[9:12])

    def close(self) -> None:
        """No more requests."""
        self._writer.close()


if __name__ == "__main__":
    made = uvloop.run(apply(Load(**orjson.loads(sys.stdin.buffer.read()))))
    sys.stdout.buffer.write(orjson.dumps(asdict(made)))
