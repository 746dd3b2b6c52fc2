"""A broker that asks who comes, with two organisations and the services of a stack."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from deploy.local.servers.both import secured_broker
from deploy.local.servers.kafka import Broker
from deploy.local.stack.admission import Admission
from deploy.organisations import Organisation
from shared.broker.access import SSL, BrokerAccess
from shared.broker.topics import ensure_topics
from shared.contracts import discover
from shared.contracts.topics import declared_topics

SECTIONS = [section.name for section in discover.sections()]
SERVICES = [*SECTIONS, "plan", "audit", "intake"]
HERE, THERE = "ZZG01", "x-harbour-homes"


@dataclass(frozen=True)
class Secured:
    """The broker, and how each of its users comes in."""

    broker: Broker
    admission: Admission

    @property
    def admin(self) -> BrokerAccess:
        return self.broker.access

    def organisation(self, code: str) -> BrokerAccess:
        return self.admission.security.access(self.broker.servers, code.lower())

    def by_certificate(self, code: str) -> BrokerAccess:
        security = self.admission.security
        return BrokerAccess(
            security.mutual_tls,
            SSL,
            ca=security.certificates.authority,
            certificate=security.credentials.certificate(code.lower()),
        )

    def service(self, name: str) -> BrokerAccess:
        told = self.admission.environment(name)
        folder = self.admission.security.credentials.folder / "services"
        return BrokerAccess(
            self.broker.servers,
            told["CAREPLAN_KAFKA_PROTOCOL"],
            told["CAREPLAN_KAFKA_MECHANISM"],
            told["CAREPLAN_KAFKA_USER"],
            folder / f"{told['CAREPLAN_KAFKA_USER']}.json",
            self.admission.security.certificates.authority,
        )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def secured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    async with secured_broker(folder) as broker:
        assert broker.security is not None
        admission = Admission(folder, broker.security)
        admission.register([Organisation(HERE, "Larkfield"), Organisation(THERE, "Harbour Homes")])
        await ensure_topics(
            broker.access, declared_topics(SECTIONS, [HERE, THERE], event_partitions=1)
        )
        admission.admit(broker.access, SECTIONS, SERVICES)
        yield Secured(broker, admission)
