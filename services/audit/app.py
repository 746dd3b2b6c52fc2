"""The composition root of the audit: the one place where its parts are put together."""

from fastapi import FastAPI

from services.audit.doors.accesses import access_routes
from services.audit.doors.api import record_routes
from services.audit.doors.asking import Questions
from services.audit.doors.contributions import contribution_routes
from services.audit.doors.escalations import BreadthWatch, Escalations
from services.audit.doors.events import (
    CONSUMER,
    FETCH_MIN_BYTES,
    TOPICS,
    GapWatch,
    RecordMessages,
)
from services.audit.doors.evidence import evidence_routes
from services.audit.doors.log import log_files, proof_routes
from services.audit.doors.overrides import override_routes
from services.audit.doors.searching.questions import QuestionDoor, question_routes
from services.audit.doors.searching.search import SearchDoor
from services.audit.log.fsck import FsckForEver
from services.audit.log.sealer import Sealer
from services.audit.log.signer import Signer
from services.audit.log.tree import StoredTree
from services.audit.log.witnesses import Witnesses, policy_of
from services.audit.queries.contributions import ContributionRecords
from services.audit.queries.evidence import LogReads
from services.audit.queries.overrides import OverrideList
from services.audit.queries.questions.finding import Findings
from services.audit.queries.records import RecordList
from services.audit.queries.search.finding import Searches
from services.audit.store.breadth import Breadth
from services.audit.store.few import FewAtOnce
from services.audit.store.organisations import PlanOrganisations
from services.audit.store.overrides import Overrides
from services.audit.store.records import AuditStore
from shared.chassis.accesses.recording import AccessRecords
from shared.chassis.database.database import Database
from shared.chassis.http.identity import Identity
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.streams import AccessStream, OutgoingStream
from shared.chassis.letters.door import dead_letter_routes
from shared.chassis.letters.tending import Tending
from shared.chassis.service_app import service_app
from shared.chassis.settings import Settings
from shared.chassis.telemetry import Gauge, Part


async def unsigned() -> Part:
    """What is said of the log where there is no key: records are kept, and nothing is signed."""
    return Part(True, "no key: nothing is signed")


def create_app(settings: Settings) -> FastAPI:
    """Events and audit records in by Kafka, records out by HTTP, dead letters out by the relay."""
    database = Database(
        settings.database_url,
        wait_seconds=settings.pool_wait_seconds,
        waiting_limit=settings.request_limit,
    )
    store = AuditStore(database)
    identity = Identity.of(settings)
    relay = Relay(settings.database_url, settings, [OutgoingStream(), AccessStream(settings)])
    accesses = AccessRecords(settings, database, lambda: relay.wake(AccessStream.name))
    questions = Questions(accesses, settings.roles, PlanOrganisations(database))
    gaps = GapWatch(store)
    records = BatchConsumer(
        consumer=CONSUMER,
        handle=RecordMessages(
            store,
            topic_prefix=settings.topic_prefix,
            review_seconds=settings.override_review_seconds,
            dead_letters_written=relay.wake,
        ),
        database=database,
        settings=settings,
        pattern=TOPICS,
        fetch_min_bytes=FETCH_MIN_BYTES,
    )
    signer = Signer.of(settings.log_key) if settings.log_key else None
    policy = None if signer is None else policy_of(settings.log_policy, signer.verifier)
    sealer = None
    if signer is not None and policy is not None:
        sealer = Sealer(settings.database_url, signer, Witnesses(policy))
    checks = FsckForEver(database)
    tending = Tending(database, settings, accesses, relay, [records])
    listed = RecordList(database, settings.time_zone)
    overrides = Overrides(database)
    escalations = Escalations(overrides, accesses.committed)
    breadth = BreadthWatch(
        Breadth(database, plans=settings.breadth_plans, searches=settings.breadth_searches),
        accesses.committed,
    )
    log = LogReads(database, StoredTree(database))
    few = FewAtOnce(database)
    searches = Searches(few, settings.time_zone)
    search = SearchDoor(searches, log, questions)
    findings = Findings(few, log, settings.time_zone)
    asking = QuestionDoor(search, searches, findings, listed, log, questions)
    return service_app(
        "Audit",
        settings,
        database=database,
        relay=relay,
        routes=[
            record_routes(listed, search, identity, questions),
            question_routes(asking, identity, questions),
            access_routes(listed, overrides, identity, questions),
            override_routes(OverrideList(database), overrides, accesses, identity, questions),
            contribution_routes(ContributionRecords(database), identity, questions, settings.roles),
            evidence_routes(log, listed, identity, questions),
            proof_routes(log, identity, policy),
            log_files(log, identity, settings.roles, policy),
            dead_letter_routes(tending, accesses, identity, settings.roles),
        ],
        consumers={"records": records},
        opens=[
            gaps,
            accesses,
            checks,
            escalations,
            breadth,
            *([sealer] if sealer else []),
        ],
        parts={
            "positions": gaps.part,
            "accesses": accesses.part,
            "overrides": escalations.part,
            "breadth": breadth.part,
            "log": sealer.part if sealer else unsigned,
            "fsck": checks.part,
        },
        gauges={
            Gauge.LOG_WAITING: lambda: float(sealer.waiting if sealer else 0),
            Gauge.ACCESSES_WAITING: lambda: float(accesses.waiting),
            Gauge.OVERRIDES_UNREVIEWED: lambda: float(escalations.unreviewed),
            Gauge.OVERRIDES_OVERDUE: lambda: float(escalations.overdue),
        },
        stops={
            "log": lambda: sealer is not None and sealer.failure is not None,
            "fsck": lambda: checks.failure is not None,
        },
        door=("database", "accesses"),
    )
