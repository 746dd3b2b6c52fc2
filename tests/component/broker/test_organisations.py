"""Organisations come in, are granted topics, and are cut off: on the real broker, told first."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka.errors import TopicAuthorizationFailedError

from shared.broker.administration import BrokerAdministration
from shared.broker.refused import BrokerRefused, UnknownOrganisation
from shared.broker.registrar import Registrar
from shared.broker.registry import SUSPENDED, Registered
from shared.ledger.topics import PLAN_CHANGES, events_topic, inbox_topic, receipts_topic
from tests.component.broker.conftest import HERE, SECTIONS, SERVICES, Secured
from tests.component.broker.test_who_may import put, read, seen_by

pytestmark = [pytest.mark.component, pytest.mark.asyncio]

NEW = Registered("ZZG77", "Mill Lane Surgery (synthetic)", ("registration-service",), 70_000)
OWN = {inbox_topic(NEW.code), receipts_topic(NEW.code)}


class Told:
    """What the audit was told, and whether it takes anything."""

    def __init__(self) -> None:
        self.acts: list[tuple[str, Mapping[str, Any]]] = []
        self.is_away = False

    def __call__(self, act: str, more: Mapping[str, Any]) -> None:
        if self.is_away:
            raise ConnectionError
        self.acts.append((act, more))


def registrar(secured: Secured, told: Told) -> Registrar:
    admission = secured.admission
    security = admission.security
    return Registrar(
        secured.admin,
        admission.registry,
        security.credentials,
        SECTIONS,
        told,
        security.certificates,
    )


async def test_from_coming_in_to_being_cut_off(secured: Secured) -> None:
    told = Told()
    acting = registrar(secured, told)
    assert await asyncio.to_thread(acting.add, NEW) is not None
    assert await asyncio.to_thread(acting.add, NEW) is None
    own = secured.organisation(NEW.code)
    assert await seen_by(own) == OWN
    await put(own, inbox_topic(NEW.code))
    await put(secured.service("goals"), receipts_topic(NEW.code), b"answer")
    assert await read(own, receipts_topic(NEW.code), "zzg77.receipts") == [b"answer"]
    assert inbox_topic(NEW.code) in await seen_by(secured.service("intake"))
    with pytest.raises(TopicAuthorizationFailedError):
        await put(own, inbox_topic(HERE))
    with BrokerAdministration(secured.admin) as broker:
        assert set(broker.quotas("zzg77").values()) == {70_000.0}

    assert acting.granted(NEW.code) == []
    assert [acting.grant(NEW.code, events_topic("goals")) for _ in range(2)] == [True, False]
    assert acting.grant(NEW.code, PLAN_CHANGES)
    assert acting.granted(NEW.code) == [events_topic("goals"), PLAN_CHANGES]
    assert await seen_by(own) == {*OWN, events_topic("goals"), PLAN_CHANGES}
    assert [acting.revoke(NEW.code, PLAN_CHANGES) for _ in range(2)] == [True, False]
    assert await seen_by(own) == {*OWN, events_topic("goals")}

    before = own.password()
    assert acting.rotate(NEW.code) != before
    assert await seen_by(own) == {*OWN, events_topic("goals")}

    assert [acting.cut_off(NEW.code) for _ in range(2)] == [True, False]
    assert secured.admission.registry.all()["zzg77"].state == SUSPENDED
    with BrokerAdministration(secured.admin) as broker:
        assert "zzg77" not in broker.users()
        assert broker.rights("zzg77") == set()
    with pytest.raises(UnknownOrganisation):
        acting.rotate(NEW.code)
    # A start of the stack lets nobody in again who was cut off.
    await asyncio.to_thread(secured.admission.admit, secured.admin, SECTIONS, SERVICES)
    with BrokerAdministration(secured.admin) as broker:
        assert "zzg77" not in broker.users()

    assert await asyncio.to_thread(acting.add, NEW) is not None
    assert await seen_by(secured.organisation(NEW.code)) == OWN
    acting.remove(NEW.code)
    assert not OWN & await seen_by(secured.admin)
    with BrokerAdministration(secured.admin) as broker:
        assert not [right for right in broker.rights() if right.name in OWN]
        assert broker.quotas("zzg77") == {}
    with pytest.raises(UnknownOrganisation):
        acting.known(NEW.code)

    acts = [act.removeprefix("organisation.") for act, _ in told.acts]
    assert acts == [
        *("added", "granted", "granted", "revoked", "rotated", "cut-off"),
        *("added", "cut-off", "removed"),
    ]
    assert {more["of"] for _, more in told.acts} == {NEW.code}


async def test_nothing_is_done_that_the_audit_is_not_told(secured: Secured) -> None:
    told = Told()
    acting = registrar(secured, told)
    told.is_away = True
    other = Registered("ZZG78", "Nowhere Surgery (synthetic)")
    with pytest.raises(ConnectionError):
        await asyncio.to_thread(acting.add, other)
    with pytest.raises(ConnectionError):
        acting.grant(HERE, PLAN_CHANGES)
    with pytest.raises(ConnectionError):
        acting.cut_off(HERE)
    before = secured.organisation(HERE).password()
    with pytest.raises(ConnectionError):
        acting.rotate(HERE)
    assert secured.organisation(HERE).password() == before
    assert await seen_by(secured.organisation(HERE)) == {inbox_topic(HERE), receipts_topic(HERE)}
    with pytest.raises(FileNotFoundError):
        secured.organisation(other.code).password()


async def test_a_start_ends_what_was_interrupted_while_somebody_was_cut_off(
    secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = registrar(secured, Told())
    one = Registered("ZZG76", "Weir Lane Surgery (synthetic)")
    assert await asyncio.to_thread(acting.add, one) is not None
    acting.certify(one.code)

    def refused(*_: object) -> None:
        raise BrokerRefused("it is away")

    with monkeypatch.context() as away:
        away.setattr(BrokerAdministration, "withdraw", refused)
        with pytest.raises(BrokerRefused):
            acting.cut_off(one.code)
    by_password, by_certificate = secured.organisation(one.code), secured.by_certificate(one.code)
    for access in (by_password, by_certificate):
        assert inbox_topic(one.code) in await seen_by(access)
    await asyncio.to_thread(secured.admission.admit, secured.admin, SECTIONS, SERVICES)
    with BrokerAdministration(secured.admin) as broker:
        assert "zzg76" not in broker.users()
        assert not [right for right in broker.rights() if right.user.startswith("zzg76")]
    with pytest.raises(FileNotFoundError):
        by_password.password()
    acting.remove(one.code)
