"""Witnesses sign what has grown; a log put back to an earlier day is found by what they hold."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services.audit.log.rehash import Damaged
from services.audit.log.signer import Signer
from services.audit.queries.evidence import note_of
from services.audit.store.log import shown_checkpoints
from shared.cli.witness import application
from shared.tlog.notes import COSIGNATURE
from shared.tlog.policy import Group, Policy
from shared.tlog.policy import Witness as Named
from shared.tlog.witness import Witness
from tests.component.audit.log.sealed import Log
from tests.unit.tlog.keys import key_of

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

NAMES = ("council", "trust")
KEYS = {name: key_of(f"{name}.example", COSIGNATURE) for name in NAMES}


class Both(httpx.AsyncBaseTransport):
    """Leads to the one witness or the other by its host; those that are away do not answer."""

    def __init__(self, served: dict[str, Witness]) -> None:
        self.away: set[str] = set()
        self._to = {name: httpx.ASGITransport(application(one)) for name, one in served.items()}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host in self.away:
            raise httpx.ConnectError("away")
        return await self._to[request.url.host].handle_async_request(request)


@pytest.fixture
def witnesses(log: Log, tmp_path: Path) -> Iterator[Both]:
    key = Signer.of(str(log.key)).verifier
    served = {name: Witness(KEYS[name], [key], tmp_path / f"{name}.sqlite") for name in NAMES}
    yield Both(served)
    for one in served.values():
        one.__exit__(None, None, None)


def policy(log: Log) -> Policy:
    named = {name: Named(name, KEYS[name].verifier, f"http://{name}") for name in NAMES}
    key = Signer.of(str(log.key)).verifier
    return Policy([key], named, {"partners": Group("partners", 2, NAMES)}, "partners")


async def who_signed(log: Log) -> tuple[int, set[str]]:
    [shown] = await shown_checkpoints(log.bench.database)
    note = note_of(shown)
    assert note is not None
    signed = note.checked(
        [*(key.verifier for key in KEYS.values()), Signer.of(str(log.key)).verifier]
    )
    return shown.size, {name for name in NAMES if KEYS[name].verifier in signed}


async def test_checkpoint_when_shown_then_both_witnesses_have_signed_it(
    log: Log, witnesses: Both
) -> None:
    for count in (5, 300, 1):
        await log.record(count)
        await log.seal(policy(log), transport=witnesses)
    assert await who_signed(log) == (306, {*NAMES})


async def test_checkpoint_when_a_witness_is_away_then_it_is_shown_without_and_later_with_it(
    log: Log, witnesses: Both
) -> None:
    await log.record(5)
    await log.seal(policy(log), transport=witnesses)
    witnesses.away = {"trust"}
    await log.record(5)
    await log.seal(policy(log), transport=witnesses)
    assert await who_signed(log) == (10, {"council"})
    # It missed one, and is shown how the log has grown since the last that it signed.
    witnesses.away = set()
    await log.record(500)
    await log.seal(policy(log), transport=witnesses)
    assert await who_signed(log) == (510, {*NAMES})


async def test_log_when_it_was_put_back_and_the_signers_file_too_then_a_witness_still_knows(
    log: Log, witnesses: Both
) -> None:
    await log.record(5)
    await log.seal(policy(log), transport=witnesses)
    kept = log.key.with_name("log.key.signed")
    earlier = kept.read_bytes()
    await log.record(5)
    await log.seal(policy(log), transport=witnesses)
    # Database and signer as they were a day before: nothing on this machine can tell.
    kept.write_bytes(earlier)
    await log.put_back_to(5)
    with pytest.raises(Damaged, match="there are 5 records, and 10 were signed"):
        await log.seal(policy(log), transport=witnesses)
    log.recorded = 1_000
    await log.record(5)
    with pytest.raises(Damaged, match="the first 10 records are not those that were signed"):
        await log.seal(policy(log), transport=witnesses)
    assert [row["size"] for row in await log.checkpoints()] == [5]
