"""Where bytes are kept: a disk and a store that speaks S3 do the same.

``S3_SERVER`` names a real one, with its keys in ``AWS_…``; else one that only seems so is started.
"""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from shared.chassis.media.blob_store import BlobStore, store_of
from shared.chassis.media.disk import Disk
from shared.chassis.media.faults import BlobGone, StoreAway
from shared.chassis.media.s3 import S3
from shared.chassis.settings import Settings
from shared.testing.eventually import eventually
from shared.testing.service import reserved_port

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

BUCKET = "careplan-tests"
CONTENT = bytes(range(256)) * 80_000  # three parts of an upload
KEYS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests-secret"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def endpoint() -> AsyncIterator[str]:
    """The address of a server that speaks S3 and has the bucket."""
    named = os.environ.get("S3_SERVER")
    unset = KEYS.keys() - os.environ.keys()
    os.environ.update({name: KEYS[name] for name in unset})
    if named:
        yield named
    else:
        with reserved_port() as port:
            async with _started(port) as url:
                yield url
    for name in unset:
        del os.environ[name]


@asynccontextmanager
async def _started(port: int) -> AsyncIterator[str]:
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(trust_env=False) as client:

            async def has_bucket() -> bool:
                try:
                    return (await client.put(f"{url}/{BUCKET}")).is_success
                except httpx.TransportError:
                    return False

            await eventually(has_bucket, "the server answers", within=60)
        yield url
    finally:
        server.terminate()
        await server.wait()


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "disk":
        return store_of(Settings(service="about_me", media_store=str(tmp_path / "media")))
    endpoint = request.getfixturevalue("endpoint")
    address = f"s3://{BUCKET}/{uuid4()}"
    return store_of(Settings(service="about_me", media_store=address, media_endpoint=endpoint))


async def spooled(store: BlobStore, content: bytes = CONTENT) -> Path:
    """A file where one has to lie that is to be put."""
    store.spool.mkdir(parents=True, exist_ok=True)
    file = store.spool / str(uuid4())
    await asyncio.to_thread(file.write_bytes, content)
    return file


async def read(store: BlobStore, name: str, begin: int, end: int) -> bytes:
    return b"".join([some async for some in store.read(name, begin, end)])


async def test_what_was_put_is_read_again_whole_and_in_parts(store: BlobStore) -> None:
    await store.put("plan/one", await spooled(store))
    assert await store.is_answering()
    size = len(CONTENT)
    for begin, end in ((0, size), (0, 1), (size - 1, size), (5_000_000, 9_000_001)):
        assert await read(store, "plan/one", begin, end) == CONTENT[begin:end]


async def test_it_comes_in_small_pieces(store: BlobStore) -> None:
    await store.put("plan/one", await spooled(store))
    sizes = [len(some) async for some in store.read("plan/one", 0, len(CONTENT))]
    assert sum(sizes) == len(CONTENT)
    assert max(sizes) <= 4 * 1_048_576


async def test_what_is_not_there_is_gone(store: BlobStore) -> None:
    with pytest.raises(BlobGone):
        await read(store, "plan/none", 0, 1)
    await store.put("plan/short", await spooled(store, b"abc"))
    with pytest.raises(BlobGone):
        await read(store, "plan/short", 0, 4)
    await store.delete("plan/short")
    await store.delete("plan/short")
    with pytest.raises(BlobGone):
        await read(store, "plan/short", 0, 1)


async def test_a_disk_that_takes_nothing_says_so(tmp_path: Path) -> None:
    store = Disk(tmp_path / "media")
    file = await spooled(store)
    (tmp_path / "media" / "plan").write_bytes(b"a file, where a folder should be")
    with pytest.raises(StoreAway):
        await store.put("plan/one", file)
    shutil.rmtree(tmp_path / "media")
    (tmp_path / "media").write_bytes(b"")
    assert not await store.is_answering()


async def test_a_server_that_is_away_says_so(endpoint: str) -> None:
    del endpoint  # it has the keys in the environment
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        settings = Settings(service="a", media_store=f"s3://{BUCKET}", media_endpoint=address)
        store = S3(settings, retry_seconds=0.1)
        file = await spooled(store)
        with pytest.raises(StoreAway):
            await store.put("plan/one", file)
        with pytest.raises(StoreAway):
            await read(store, "plan/one", 0, 1)
        with pytest.raises(StoreAway):
            await store.delete("plan/one")
        assert not await store.is_answering()
