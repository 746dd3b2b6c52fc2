"""The library's own suites for recorders against ours, and its own recorder on our ledger."""

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any
from unittest import TestCase
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
import pytest_asyncio
from eventsourcing import cryptography
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.compressor import ZlibCompressor
from eventsourcing.persistence import (
    IntegrityError,
    Mapper,
    NotSupportedError,
    OperationalError,
    PersistenceError,
    ProcessRecorder,
    ProgrammingError,
    StoredEvent,
    Tracking,
    TrackingRecorder,
)
from eventsourcing.utils import Environment, get_topic

from services.goals.domain import Goal
from services.goals.section import SECTION
from shared.chassis.store.library_module import (
    AsyncApplication,
    AsyncpgAggregateRecorder,
    AsyncpgRecorder,
    Factory,
)
from shared.ledger import Agent, CodedText, NeedRef, Organisation, Provenance
from shared.testing.stack import OF_A_SECTION, TestDatabase, fresh_database

# The suites import a cipher that needs pycryptodome; the library has the same on cryptography.
sys.modules.setdefault("eventsourcing.cipher", cryptography)
from eventsourcing.tests.persistence import (  # noqa: E402
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    InfrastructureFactoryTestCase,
    NonInterleavingNotificationIDsBaseCase,
)

pytestmark = [pytest.mark.component]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ledger(postgres_url: str) -> AsyncIterator[TestDatabase]:
    async with fresh_database(postgres_url, "recorder", *OF_A_SECTION) as made:
        yield made


@pytest.fixture(autouse=True)
def _empty(ledger: TestDatabase, request: pytest.FixtureRequest) -> None:
    """Every test finds the ledger empty, and the library's test cases find its address."""
    with psycopg.connect(ledger.owner_url) as owner:
        owner.execute("TRUNCATE stored_events, receipt, unique_key, outgoing, dead_letter")
    if request.instance is not None:
        request.instance.url = ledger.url


class FromZero(AsyncpgRecorder):
    """Lets a suite number the events of some entries from 0; those of our entries begin with 1."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.from_zero: set[UUID | str] = set()

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        self.from_zero.update(e.originator_id for e in stored_events if e.originator_version == 0)
        return super().insert_events([self.moved(event, 1) for event in stored_events], **kwargs)

    def select_events(self, originator_id: UUID | str, **kwargs: Any) -> Sequence[StoredEvent]:
        found = super().select_events(originator_id, **kwargs)
        return [self.moved(event, -1) for event in found]

    def moved(self, event: StoredEvent, by: int) -> StoredEvent:
        if event.originator_id not in self.from_zero:
            return event
        return replace(event, originator_version=event.originator_version + by)


class FromZeroByEntry(FromZero):
    """The same for a suite that expects no positions."""

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        super().insert_events(stored_events, **kwargs)
        return None


class OnOurLedger(TestCase):
    """What the library's test cases need of ours."""

    url: str

    def environment(self) -> dict[str, str]:
        return {
            "PERSISTENCE_MODULE": "shared.chassis.store.library_module",
            "DATABASE_URL": self.url,
            "SECTION": SECTION.wire_name,
        }

    def opened(self) -> Factory:
        factory = Factory(self.environment())
        self.addCleanup(factory.close)
        return factory

    def from_zero(self, kind: type[FromZero] = FromZero) -> FromZero:
        made = self.opened().application_recorder()
        return kind(made._database, made._commits, made._section, made._loop)


class TestApplicationRecorder(OnOurLedger, ApplicationRecorderTestCase[AsyncpgRecorder]):
    def create_recorder(self) -> AsyncpgRecorder:
        return self.from_zero()

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()

    def close_db_connection(self, *_: Any) -> None:
        """Connections are the pool's."""


class TestAggregateRecorder(OnOurLedger, AggregateRecorderTestCase):
    def create_recorder(self) -> AsyncpgRecorder:
        return self.from_zero(FromZeroByEntry)


class TestPositionsOfTwoRequestsDoNotInterleave(
    OnOurLedger, NonInterleavingNotificationIDsBaseCase
):
    def create_recorder(self) -> AsyncpgRecorder:
        return self.from_zero()


class TestPositionsOfTwoReplicasDoNotInterleave(
    OnOurLedger, NonInterleavingNotificationIDsBaseCase
):
    def create_recorder(self) -> AsyncpgRecorder:
        replicas = [self.from_zero(), self.from_zero()]

        class EitherReplica(FromZero):
            def insert_events(
                self, stored_events: Sequence[StoredEvent], **kwargs: Any
            ) -> Sequence[int] | None:
                return replicas.pop().insert_events(stored_events, **kwargs)

        return self.from_zero(EitherReplica)


class TestFactory(OnOurLedger, InfrastructureFactoryTestCase[Factory]):
    def setUp(self) -> None:
        self.env = Environment("", self.environment())
        super().setUp()

    def expected_factory_class(self) -> type[Factory]:
        return Factory

    def expected_aggregate_recorder_class(self) -> type[AsyncpgAggregateRecorder]:
        return AsyncpgAggregateRecorder

    def expected_application_recorder_class(self) -> type[AsyncpgRecorder]:
        return AsyncpgRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return TrackingRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return TrackingRecorder

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return ProcessRecorder

    def test_create_tracking_recorder(self) -> None:
        """A consumer's place is kept in one transaction with what it produced, by the chassis."""
        with pytest.raises(NotSupportedError):
            self.factory.tracking_recorder()

    def test_create_process_recorder(self) -> None:
        """The same."""
        with pytest.raises(NotSupportedError):
            self.factory.process_recorder()

    def test_mapper_with_compressor(self) -> None:
        """Leaf hashes are over what is stored: our mapper writes it as it is."""
        self.env[self.factory.COMPRESSOR_TOPIC] = "zlib"
        with pytest.raises(NotSupportedError):
            self.factory.mapper()

    def test_mapper_with_cipher(self) -> None:
        """The same; the key is asked for by the library before."""
        self.env[cryptography.AESCipher.CIPHER_KEY] = cryptography.AESCipher.create_key(16)
        with pytest.raises(NotSupportedError):
            self.factory.mapper()

    def test_mapper_with_cipher_and_compressor(self) -> None:
        """The same."""
        self.test_mapper_with_compressor()

    def test_mapper_with_wrong_cipher_key(self) -> None:
        """Without a cipher no key is wrong."""

    def test_another_mapper_keeps_its_cipher_and_compressor(self) -> None:
        self.env[self.factory.MAPPER_TOPIC] = get_topic(Mapper)
        self.env[self.factory.COMPRESSOR_TOPIC] = get_topic(ZlibCompressor)
        assert isinstance(self.factory.mapper().compressor, ZlibCompressor)

    def test_no_recorder_for_snapshots(self) -> None:
        with pytest.raises(NotSupportedError):
            self.factory.aggregate_recorder("snapshots")

    def test_an_environment_without_an_address(self) -> None:
        with pytest.raises(OSError, match="DATABASE_URL"):
            Factory({"SECTION": "goals"})


def goal(aim: str = "To walk to the shop") -> Goal:
    plan_id, entry_id = uuid4(), uuid4()
    return Goal.agree(
        provenance(plan_id, entry_id),
        aim=CodedText(aim),
        need_ids=(NeedRef("needs", uuid4()),),
    )


def provenance(plan_id: UUID, entry_id: UUID) -> Provenance:
    person = Agent("person", "Edith Marlow-Synth", organisation=Organisation("ZZG01"))
    return Provenance(plan_id, entry_id, uuid4(), person, person)


def weigh(entry: Goal, importance: int) -> None:
    entry.weigh(provenance(entry.plan_id, entry.id), importance=importance)


@pytest.fixture
def environment(ledger: TestDatabase) -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": "shared.chassis.store.library_module",
        "DATABASE_URL": ledger.url,
        "SECTION": SECTION.wire_name,
    }


def test_an_ordinary_application_runs_on_the_module(environment: dict[str, str]) -> None:
    with Application[UUID](environment) as application:
        entry = goal()
        weigh(entry, 7)
        recordings = application.save(entry)
        assert [recording.notification.id for recording in recordings] == [1, 2]
        held: Goal = application.repository.get(entry.id)
        assert (held.version, held.plan_id) == (2, entry.plan_id)
        first: Goal = application.repository.get(entry.id, version=1)
        assert first.version == 1
        with pytest.raises(AggregateNotFoundError):
            application.repository.get(uuid4())
        weigh(held, 1)
        weigh(entry, 2)
        application.save(entry)
        with pytest.raises(IntegrityError, match="at version 3"):
            application.save(held)
        section = application.notification_log["1,10"]
        assert [item.id for item in section.items] == [1, 2, 3]


def test_a_tracking_cannot_be_stored(environment: dict[str, str]) -> None:
    with Application[UUID](environment) as application:
        stored = StoredEvent(uuid4(), 1, "topic", b"{}")
        with pytest.raises(NotSupportedError):
            application.recorder.insert_events([stored], tracking=Tracking("other", 1))
        assert application.recorder.max_notification_id() is None


def test_after_the_end_it_says_so(environment: dict[str, str]) -> None:
    factory = Factory(environment)
    recorder = factory.application_recorder()
    factory.close()
    factory.close()
    with pytest.raises(OperationalError):
        recorder.max_notification_id()


def test_a_gap_in_the_versions_is_refused(environment: dict[str, str]) -> None:
    with Application[UUID](environment) as application:
        entry_id = uuid4()
        rows = [StoredEvent(entry_id, version, "topic", b"{}") for version in (1, 3)]
        with pytest.raises(IntegrityError):
            application.recorder.insert_events(rows)
        assert application.recorder.max_notification_id() is None


def test_the_library_s_own_recorder_reads_the_ledger(
    ledger: TestDatabase, environment: dict[str, str]
) -> None:
    entry = goal("Not to fall, \u00e9\u4e16")
    weigh(entry, 7)
    entry.set_aside(provenance(entry.plan_id, entry.id), reason="It is done")
    with Application[UUID](environment) as ours:
        ours.save(entry, goal())

    class Stored(Application[UUID]):
        name = "stored"  # its table is stored_events

    with Stored(stock(ledger.url)) as theirs:
        held: Goal = theirs.repository.get(entry.id)
        assert (held.version, held.is_out, held.plan_id) == (3, True, entry.plan_id)
        first: Goal = theirs.repository.get(entry.id, version=1)
        assert not first.is_out
        read = theirs.notification_log.select(start=1, limit=10)
        assert [(item.id, item.topic) for item in read] == [
            (1, "careplan.goals.agreed.v1"),
            (2, "careplan.goals.weighed.v1"),
            (3, "careplan.goals.set-aside.v1"),
            (4, "careplan.goals.agreed.v1"),
        ]
        with theirs.recorder.subscribe(gt=2) as subscription:
            assert [next(subscription).id, next(subscription).id] == [3, 4]
        weigh(held := goal(), 3)
        with pytest.raises(PersistenceError):  # positions are given by append_requests alone
            theirs.save(held)


def stock(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "MAPPER_TOPIC": "shared.chassis.store.mapper:EntryMapper",
        "CREATE_TABLE": "n",
        "POSTGRES_DBNAME": parts.path.lstrip("/"),
        "POSTGRES_HOST": str(parts.hostname),
        "POSTGRES_PORT": str(parts.port),
        "POSTGRES_USER": str(parts.username),
        "POSTGRES_PASSWORD": str(parts.password),
    }


@pytest.mark.asyncio(loop_scope="session")
async def test_save_and_get_can_be_awaited(ledger: TestDatabase) -> None:
    async with AsyncApplication(ledger.url, SECTION.wire_name) as application:
        entry, other = goal(), goal()
        weigh(entry, 7)
        recordings = await application.save(entry, other)
        assert [recording.notification.id for recording in recordings] == [1, 2, 3]
        assert (await application.repository.get(entry.id)).version == 2
        assert (await application.repository.get(entry.id, version=1)).version == 1
        with pytest.raises(AggregateNotFoundError):
            await application.repository.get(uuid4())
        again = await application.repository.get(entry.id)
        assert isinstance(again, Goal)
        weigh(again, 1)
        weigh(entry, 2)
        weigh(other, 3)
        await application.save(entry)
        with pytest.raises(IntegrityError):
            await application.save(other, again)
        assert (await application.repository.get(other.id)).version == 1
        assert await application.save() == []
        many = [goal() for _ in range(200)]
        await asyncio.gather(*(application.save(each) for each in many))
        positions = [row.id for row in await application.recorder.notifications(None, 1_000)]
        assert positions == list(range(1, 205))


@pytest.mark.asyncio(loop_scope="session")
async def test_its_own_loop_is_not_made_to_wait_for_itself(ledger: TestDatabase) -> None:
    async with AsyncApplication(ledger.url, SECTION.wire_name) as application:
        recorder = application.recorder
        with pytest.raises(ProgrammingError):
            recorder.max_notification_id()  # nobody said which loop
        bridged = AsyncpgRecorder(
            recorder._database, recorder._commits, "goals", asyncio.get_running_loop()
        )
        with pytest.raises(ProgrammingError):
            bridged.select_events(uuid4())
        assert await asyncio.to_thread(bridged.max_notification_id) is None


@pytest.mark.asyncio(loop_scope="session")
async def test_every_event_has_a_leaf_hash_and_a_time(ledger: TestDatabase) -> None:
    async with AsyncApplication(ledger.url, SECTION.wire_name) as application:
        entry = goal()
        await application.save(entry)
        row = await application._database.pool.fetchrow("SELECT * FROM stored_events")
    known = f"goals\n{entry.id}\n1\ncareplan.goals.agreed.v1\n\n\n\n\n".encode()
    content = hashlib.sha256(row["state"]).digest()
    assert row["leaf_hash"] == hashlib.sha256(b"\x00" + known + content).digest()
    assert row["recorded_at"].tzinfo is not None
