"""A section whose entries name files, running; and a way to look at what it keeps."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from services.about_me.section import SECTION
from shared.chassis.database.database import Database
from shared.chassis.media.disk import Disk
from shared.chassis.media.keeping import MediaKeeping, Upload
from shared.chassis.media.scanner import Verdict
from shared.chassis.media.spool import BLOCK
from shared.ledger import Contributor
from shared.testing import files
from shared.testing.files import File
from shared.testing.service import Bench, Door, contribution, works_for

BEGIN = "careplan.about-me.commands.begin.v1"
ADD = "careplan.about-me.commands.add-media.v1"
REMOVE = "careplan.about-me.commands.remove-media.v1"
RESTRICT = "careplan.about-me.commands.restrict.v1"
IN_ERROR = "careplan.about-me.commands.mark-in-error.v1"
ON_THEIR_WORD = {
    "stated_by": {"kind": "person"},
    "supported_by": {"name": "Tom Okafor-Synth", "how": "Wrote it down"},
}
NURSE = works_for("ZZC01")
COUNCIL = works_for("ZZL01")
COMMANDS = works_for("ZZC01", "data-quality")
BIG = files.mp4(12 * BLOCK + 77)
Stored = tuple[dict[str, Any], File]


@dataclass(frozen=True)
class AboutMe:
    """The section of About me, running in this process."""

    bench: Bench
    door: Door

    async def plan(self) -> UUID:
        """A new plan that the section knows."""
        plan_id = uuid4()
        await self.bench.know_plans([plan_id])
        return plan_id

    async def shown(self, file: File, plan_id: UUID, **others: Any) -> httpx.Response:
        """The answer to an About me that begins with a file."""
        media = {**file.named, "caption": "What it shows"}
        content = {"responses": {"how_i_communicate": {"media": [{**media, **others}]}}}
        return await self.contribute(BEGIN, content, plan_id)

    async def contribute(
        self,
        command: str,
        content: Mapping[str, Any],
        plan_id: UUID,
        by: Contributor = NURSE,
        **others: Any,
    ) -> httpx.Response:
        given = contribution(command, content, plan_id, **{"provenance": ON_THEIR_WORD, **others})
        return await self.door.contribute(given, by)

    async def with_file(self, file: File) -> UUID:
        """A plan whose About me shows a file."""
        plan_id = await self.plan()
        assert (await self.door.store(file, plan_id, NURSE)).status_code == 201
        answer = await self.shown(file, plan_id)
        assert answer.status_code == 201, answer.text
        return plan_id

    async def blob(self, plan_id: UUID) -> Path:
        """Where the one file of a plan lies."""
        name = await self.bench.pool.fetchval("SELECT blob FROM media WHERE plan_id = $1", plan_id)
        return self.bench.folder / "media" / SECTION.name / str(name)


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The answer is this problem."""
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), told
    assert told["detail"].endswith(".")
    return told


class Scripted:
    """A scanner that says what a test wants."""

    name = "scripted"

    def __init__(self, *verdicts: Verdict | None) -> None:
        self.verdicts = list(verdicts)
        self.asked: list[str] = []

    async def ask(self, pieces: AsyncIterator[bytes]) -> Verdict | None:
        digest = sha256()
        async for some in pieces:
            digest.update(some)
        self.asked.append(digest.hexdigest())
        return self.verdicts.pop(0)


def keeping_of(about_me: AboutMe, database: Database, scanner: Scripted) -> MediaKeeping:
    """Keeps the section's media too, without being opened: a test says what happens when."""
    folder = about_me.bench.folder / "media" / SECTION.name
    return MediaKeeping(database, about_me.bench.settings(), store=Disk(folder), scanner=scanner)


async def pieces_of(content: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(content), 65_536):
        yield content[begin : begin + 65_536]


def upload(file: File, plan_id: UUID) -> Upload:
    return Upload(plan_id, NURSE.key, file.mime, file.sha256, pieces_of(file.content))
