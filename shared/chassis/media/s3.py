"""Media in a store that speaks S3: in parts, so that no more than a few of them are in memory."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from shared.chassis.media.faults import BlobGone, StoreAway
from shared.chassis.settings import Settings

if TYPE_CHECKING:  # the library has this name for type checkers alone
    from obstore.store import S3Config

_PART: Final = 8 * 1_048_576
_AT_ONCE: Final = 2
_PIECE: Final = 256 * 1024
_PROBE: Final = "probe"


class S3:
    """Objects in a bucket, below a prefix and the name of the section.

    Who we are to the store is said by the variables ``AWS_…``, or by the machine, as the library
    has it. An object appears when its last part is confirmed.
    """

    def __init__(self, settings: Settings, *, retry_seconds: float = 30.0) -> None:
        address = urlsplit(settings.media_store)
        prefix = f"{address.path.strip('/')}/{settings.service}".strip("/")
        config: S3Config = {"region": settings.media_region}
        if settings.media_endpoint:
            config["endpoint"] = settings.media_endpoint
        self._store = S3Store(
            address.hostname or "",
            prefix=prefix,
            config=config,
            client_options={
                "allow_http": settings.media_endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=5),
                "timeout": timedelta(seconds=60),
            },
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=retry_seconds)},
        )
        self.spool = Path(gettempdir()) / "careplan-media" / settings.service

    async def put(self, name: str, file: Path) -> None:
        """Send a file in parts."""
        try:
            await obstore.put_async(
                self._store, name, file, chunk_size=_PART, max_concurrency=_AT_ONCE
            )
        except (BaseError, OSError) as error:
            raise StoreAway from error

    async def read(self, name: str, begin: int, end: int) -> AsyncIterator[bytes]:
        """These bytes of an object, as they come."""
        left = end - begin
        try:
            found = await obstore.get_async(self._store, name, options={"range": (begin, end)})
            async for some in found.stream(min_chunk_size=_PIECE):
                left -= len(some)
                yield bytes(some)
        except (NotFoundError, FileNotFoundError):
            raise BlobGone from None
        except (BaseError, OSError) as error:
            raise StoreAway from error
        if left:
            raise BlobGone

    async def delete(self, name: str) -> None:
        """Delete an object."""
        try:
            await obstore.delete_async(self._store, name)
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as error:
            raise StoreAway from error

    async def is_answering(self) -> bool:
        """True where the bucket answers."""
        try:
            await obstore.head_async(self._store, _PROBE)
        except (NotFoundError, FileNotFoundError):
            return True
        except (BaseError, OSError):
            return False
        return True
