"""What an organisation signs is passed on with its signature; what does not hold is recorded."""

import json
from pathlib import Path

import pytest

from shared.chassis.kafka.event_message import header
from shared.ledger.topics import inbox_topic
from shared.testing.topic_reader import TopicReader
from tests.component.intake.bench import Bench, Running, Sent, agree, binary
from tests.unit.intake.test_signatures import KEYS, as_told, signed

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_a_signature_travels_on_and_one_that_does_not_hold_is_refused_and_recorded(
    bench: Bench, readers: tuple[TopicReader, ...], tmp_path: Path
) -> None:
    path = tmp_path / "signatures.json"
    keys = [as_told(key) for key in KEYS.values()]
    path.write_text(json.dumps({"zzc01": {"required": True, "keys": keys}}))
    async with bench.running(signatures=str(path)) as client:
        intake = Running(bench, client, *readers)
        good, other, unsigned, replayed, after = (agree() for _ in range(5))
        signature = of(good)
        await bench.send(
            with_signature(good, signature),
            with_signature(other, of(other, "ES256")),
            binary(unsigned),
            with_signature(replayed, signature),  # of another body
            with_signature(after, of(after)),
        )
        for given in (good, other, after):
            command = await intake.command(given)
            assert (header(command, "ce_signature") or "").count("..") == 1
        assert header(await intake.command(good), "ce_signature") == signature
        for given, code in ((unsigned, "signature-missing"), (replayed, "signature-invalid")):
            (told,) = await intake.receipts.about(given["contribution_id"])
            assert (told["code"], told["kept"]) == (code, False)
            (record,) = await intake.audit.about(given["contribution_id"])
            assert (record["operation"], record["section"]) == ("refusal", "intake")
            assert record["code"] == code
        # Of those that have no keys nothing is asked.
        free = agree()
        await bench.send(binary(free, "zzg01"), org="zzg01")
        assert header(await intake.command(free), "ce_signature") is None


def of(given: dict[str, object], alg: str = "Ed25519") -> str:
    """The signature of a contribution to this inbox, made at a time that is past."""
    return signed(
        alg,
        binary(given).value or b"",
        eid=given["contribution_id"],
        top=inbox_topic("zzc01"),
        iat=1_700_000_000,
    )


def with_signature(given: dict[str, object], signature: str) -> Sent:
    sent = binary(given)
    sent.headers.append(("ce_signature", signature.encode()))
    return sent
