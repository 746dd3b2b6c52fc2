"""Where the bytes of media are kept: on a disk, or in a store that speaks S3."""

from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from shared.chassis.media.disk import Disk
from shared.chassis.settings import Settings


class BlobStore(Protocol):
    """Keeps files under names that are never used twice, whole or not at all.

    Each method raises ``StoreAway``.
    """

    spool: Path
    """The folder in which a file has to lie that is to be put."""

    async def put(self, name: str, file: Path) -> None:
        """Keep a file: it is durable when this returns. The file itself may be gone then."""

    def read(self, name: str, begin: int, end: int) -> AsyncIterator[bytes]:
        """These bytes, in pieces; raises ``BlobGone``, perhaps after some of them."""

    async def delete(self, name: str) -> None:
        """Forget them, if they are there."""

    async def is_answering(self) -> bool:
        """True where something could be kept and read now."""


def store_of(settings: Settings) -> BlobStore:
    """The store that the settings name, each section's media apart from the others'."""
    if settings.media_store.startswith("s3://"):
        # Only a service that keeps its media there loads the library for it.
        made = import_module("shared.chassis.media.s3").S3(settings)
        return cast("BlobStore", made)
    return Disk(Path(settings.media_store) / settings.service)
