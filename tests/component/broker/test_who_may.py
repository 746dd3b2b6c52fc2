"""On the real broker: each user does what its contracts say, and nothing else."""

import asyncio
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from shared.broker.access import BrokerAccess
from shared.broker.administration import BrokerAdministration
from shared.broker.keys.certificates import Certificates
from shared.broker.refused import BrokerRefused
from shared.broker.registry import USUAL_QUOTA
from shared.broker.rights import READ, Right
from shared.ledger.topics import (
    AUDIT_RECORDS,
    PLAN_CHANGES,
    commands_topic,
    events_topic,
    inbox_topic,
    receipts_topic,
)
from tests.component.broker.conftest import HERE, SECTIONS, SERVICES, THERE, Secured

pytestmark = [pytest.mark.component, pytest.mark.asyncio]


PARTITIONS = {"inbox": 6, "receipts": 3, "person": 1}


async def put(access: BrokerAccess, topic: str, value: bytes = b"{}") -> None:
    producer = AIOKafkaProducer(**access.options, acks="all", enable_idempotence=True)
    try:
        await producer.start()
        await producer.send_and_wait(topic, value, b"key")
    finally:
        await producer.stop()


async def read(access: BrokerAccess, topic: str, group: str | None = None) -> list[bytes]:
    """All that a topic has, for a member of a group or for one by itself."""
    consumer = AIOKafkaConsumer(
        *([topic] if group else []),
        **access.options,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with consumer:
        if not group:
            partitions = PARTITIONS[topic.split(".")[1]]
            consumer.assign([TopicPartition(topic, number) for number in range(partitions)])
        found = await consumer.getmany(timeout_ms=5_000)
    return [record.value for records in found.values() for record in records]


async def shown(access: BrokerAccess, topic: str) -> list[bytes]:
    """All that is shown of a topic: nothing where the broker refuses it, or knows of no topic."""
    try:
        return await read(access, topic)
    except TopicAuthorizationFailedError:
        return []


async def seen_by(access: BrokerAccess) -> set[str]:
    consumer = AIOKafkaConsumer(**access.options)
    try:
        await consumer.start()
        topics: set[str] = await consumer.topics()
    finally:
        await consumer.stop()
    return topics


async def test_an_organisation_writes_its_inbox_and_reads_its_receipts(secured: Secured) -> None:
    own = secured.organisation(HERE)
    await put(own, inbox_topic(HERE))
    await put(secured.service("goals"), receipts_topic(HERE), b"answer")
    assert await read(own, receipts_topic(HERE), "zzg01.receipts") == [b"answer"]
    assert await read(own, receipts_topic(HERE)) == [b"answer"]
    assert await read(secured.service("intake"), inbox_topic(HERE), "intake")


@pytest.mark.parametrize(
    "topic",
    [
        inbox_topic(THERE),
        receipts_topic(HERE),
        receipts_topic(THERE),
        commands_topic("goals"),
        events_topic("goals"),
        AUDIT_RECORDS,
        PLAN_CHANGES,
        "careplan.inbox.zzg99.v1",
    ],
)
async def test_an_organisation_writes_nothing_else(secured: Secured, topic: str) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await put(secured.organisation(HERE), topic)


async def test_what_is_not_for_an_organisation_is_not_even_there(secured: Secured) -> None:
    await put(secured.service("goals"), receipts_topic(THERE), b"of another")
    own = secured.organisation(HERE)
    assert await seen_by(own) == {inbox_topic(HERE), receipts_topic(HERE)}
    assert await read(secured.organisation(THERE), receipts_topic(THERE)) == [b"of another"]
    await put(own, inbox_topic(HERE))  # it may write there, and not read what it wrote
    await put(secured.service("person"), events_topic("person"))
    for topic in (receipts_topic(THERE), inbox_topic(HERE), events_topic("person")):
        assert await shown(own, topic) == []


@pytest.mark.parametrize("group", ["zzg01", "zzg017.receipts", "x-harbour-homes.mine", "intake"])
async def test_an_organisation_consumes_in_groups_of_its_own(secured: Secured, group: str) -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        await read(secured.organisation(HERE), receipts_topic(HERE), group)


async def test_a_service_does_what_the_contracts_say_of_it_alone(secured: Secured) -> None:
    for topic in (events_topic("needs"), commands_topic("goals"), inbox_topic(HERE), PLAN_CHANGES):
        with pytest.raises(TopicAuthorizationFailedError):
            await put(secured.service("goals"), topic)
    assert commands_topic("needs") not in await seen_by(secured.service("goals"))
    assert inbox_topic(HERE) not in await seen_by(secured.service("plan"))


async def test_nobody_comes_in_without_the_right_password(secured: Secured, tmp_path: Path) -> None:
    own = secured.organisation(HERE)
    wrong = tmp_path / "wrong"
    wrong.write_text("not the password")
    nobody = replace(own, user="zzg99")
    for access in (replace(own, password_file=wrong), nobody, BrokerAccess(own.servers)):
        with pytest.raises(KafkaError):
            await asyncio.wait_for(seen_by(access), 30)


async def test_a_client_speaks_only_to_the_broker_whose_authority_it_knows(
    secured: Secured, tmp_path: Path
) -> None:
    other = Certificates(tmp_path / "tls")
    other.prepare()
    with pytest.raises(KafkaConnectionError):
        await seen_by(replace(secured.organisation(HERE), ca=other.authority))


async def test_secrets_lie_in_files_that_only_their_owner_may_read(secured: Secured) -> None:
    folder = secured.admission.folder
    secret = [
        *(path for path in (folder / "credentials").rglob("*") if path.is_file()),
        *(folder / "tls").iterdir(),
        folder / "kafka" / "server.properties",
        secured.admission.registry_file,
    ]
    assert len(secret) > len(SERVICES)
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
    names = ("credentials", "credentials/services", "tls", "kafka")
    folders = [folder / name for name in names]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def rights_of(secured: Secured, user: str) -> set[Right]:
    with BrokerAdministration(secured.admin) as broker:
        return broker.rights(user)


async def test_a_start_gives_and_takes_until_rights_are_the_declared_ones(
    secured: Secured,
) -> None:
    before = rights_of(secured, "service-goals")
    surplus = Right("service-goals", "topic", PLAN_CHANGES, READ)
    granted = Right("zzg01", "topic", PLAN_CHANGES, READ)
    missing = min(before)
    with BrokerAdministration(secured.admin) as broker:
        broker.grant([surplus, granted])
        broker.withdraw([missing])
    secured.admission.admit(secured.admin, SECTIONS, SERVICES)
    assert rights_of(secured, "service-goals") == before
    assert granted in rights_of(secured, "zzg01")
    with BrokerAdministration(secured.admin) as broker:
        broker.withdraw([granted])


async def test_another_password_ends_the_old_one(secured: Secured, tmp_path: Path) -> None:
    old = secured.organisation(THERE)
    kept = tmp_path / "old.json"
    kept.write_bytes(secured.admission.security.credentials.path(old.user).read_bytes())
    password = secured.admission.security.credentials.renew(old.user)
    with BrokerAdministration(secured.admin) as broker:
        broker.set_passwords({old.user: password})
    assert receipts_topic(THERE) in await seen_by(old)
    with pytest.raises(KafkaError):
        await seen_by(replace(old, password_file=kept))


async def test_a_quota_slows_one_user_and_no_other(secured: Secured) -> None:
    def bounded(bytes_a_second: int | None) -> None:
        with BrokerAdministration(secured.admin) as broker:
            broker.set_quotas({"zzg01": bytes_a_second})

    async def seconds(code: str) -> float:
        loop = asyncio.get_running_loop()
        own = secured.organisation(code)
        async with AIOKafkaProducer(**own.options, acks="all") as producer:
            began = loop.time()
            for _ in range(12):
                await producer.send_and_wait(inbox_topic(code), b"x" * 100_000, b"key")
            return loop.time() - began

    bounded(50_000)
    try:
        with BrokerAdministration(secured.admin) as broker:
            assert set(broker.quotas("zzg01").values()) == {50_000.0}
            assert set(broker.quotas("x-harbour-homes").values()) == {float(USUAL_QUOTA)}
        slowed, other = await asyncio.gather(seconds(HERE), seconds(THERE))
        assert slowed > 5 * other
    finally:
        bounded(None)
    with BrokerAdministration(secured.admin) as broker:
        assert broker.quotas("zzg01") == {}


async def test_only_the_administrator_administers(secured: Secured) -> None:
    for access in (secured.organisation(HERE), secured.service("intake")):
        with BrokerAdministration(access) as broker:
            acts: Sequence[object] = (
                lambda: broker.set_passwords({"zzg99": "opens nothing"}),
                lambda: broker.grant([Right("zzg01", "topic", PLAN_CHANGES, READ)]),
                lambda: broker.set_quotas({"zzg01": None}),
                broker.users,
                broker.rights,
            )
            for act in acts:
                assert callable(act)
                with pytest.raises(BrokerRefused):
                    act()
