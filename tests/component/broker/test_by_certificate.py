"""An organisation that comes in by a certificate: it is who the certificate names, and no more."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from shared.broker.administration import BrokerAdministration
from shared.broker.keys.certificates import Certificates
from shared.broker.refused import BrokerRefused, UnknownOrganisation
from shared.broker.registry import Registered
from shared.broker.rights import ADMIN
from shared.ledger.topics import PLAN_CHANGES, events_topic, inbox_topic, receipts_topic
from tests.component.broker.conftest import HERE, Secured
from tests.component.broker.test_organisations import Told, registrar
from tests.component.broker.test_who_may import put, read, seen_by

pytestmark = [pytest.mark.component, pytest.mark.asyncio]

NEW = Registered("ZZG79", "Quay Street Surgery (synthetic)", quota=70_000)
OWN = {inbox_topic(NEW.code), receipts_topic(NEW.code)}


async def test_from_its_first_certificate_to_being_cut_off(
    secured: Secured, tmp_path: Path
) -> None:
    told = Told()
    acting = registrar(secured, told)
    with pytest.raises(UnknownOrganisation):
        acting.certify(NEW.code)
    assert await asyncio.to_thread(acting.add, NEW) is not None
    assert acting.grant(NEW.code, events_topic("goals"))
    acting.certify(NEW.code)
    own = secured.by_certificate(NEW.code)
    assert await seen_by(own) == {*OWN, events_topic("goals")}
    await put(own, inbox_topic(NEW.code))
    await put(secured.service("goals"), receipts_topic(NEW.code), b"answer")
    assert await read(own, receipts_topic(NEW.code), "zzg79.receipts") == [b"answer"]
    for topic in (inbox_topic(HERE), PLAN_CHANGES):
        with pytest.raises(TopicAuthorizationFailedError):
            await put(own, topic)
    with BrokerAdministration(secured.admin) as broker:
        assert set(broker.quotas("zzg79.1").values()) == {70_000.0}
    # What is granted and taken back afterwards counts for both ways in.
    assert acting.grant(NEW.code, PLAN_CHANGES)
    assert await seen_by(own) == {*OWN, events_topic("goals"), PLAN_CHANGES}
    assert acting.revoke(NEW.code, PLAN_CHANGES)
    assert await seen_by(own) == {*OWN, events_topic("goals")}

    first = tmp_path / "first.pem"
    first.write_bytes(secured.admission.security.credentials.certificate("zzg79").read_bytes())
    acting.certify(NEW.code)
    assert await seen_by(own) == {*OWN, events_topic("goals")}
    assert await seen_by(replace(own, certificate=first)) == set()
    with BrokerAdministration(secured.admin) as broker:
        assert (broker.rights("zzg79.1"), broker.quotas("zzg79.1")) == (set(), {})

    second = tmp_path / "second.pem"
    second.write_bytes(secured.admission.security.credentials.certificate("zzg79").read_bytes())
    assert acting.cut_off(NEW.code)
    with pytest.raises(UnknownOrganisation):
        acting.certify(NEW.code)
    for old in (first, second):
        assert await seen_by(replace(own, certificate=old)) == set()
    # Whoever comes in again does so by what is given out then.
    assert await asyncio.to_thread(acting.add, NEW) is not None
    assert acting.grant(NEW.code, events_topic("goals"))
    for old in (first, second):
        assert await seen_by(replace(own, certificate=old)) == set()
    acting.certify(NEW.code)
    assert await seen_by(secured.by_certificate(NEW.code)) == {*OWN, events_topic("goals")}
    acting.remove(NEW.code)
    with BrokerAdministration(secured.admin) as broker:
        assert not [right for right in broker.rights() if right.user.startswith("zzg79")]
    certified = [more["number"] for act, more in told.acts if act == "organisation.certified"]
    assert certified == [1, 2, 3]


async def test_no_certificate_is_left_over_where_another_was_interrupted(
    secured: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = registrar(secured, Told())
    one = Registered("ZZG80", "Ferry Road Surgery (synthetic)")
    assert await asyncio.to_thread(acting.add, one) is not None
    acting.certify(one.code)
    first = tmp_path / "first.pem"
    first.write_bytes(secured.admission.security.credentials.certificate("zzg80").read_bytes())
    with monkeypatch.context() as away:
        away.setattr(BrokerAdministration, "withdraw", refused)
        with pytest.raises(BrokerRefused):
            acting.certify(one.code)
    by_first = replace(secured.by_certificate(one.code), certificate=first)
    assert await seen_by(by_first) == {inbox_topic(one.code), receipts_topic(one.code)}
    assert acting.cut_off(one.code)
    assert await seen_by(by_first) == set()
    acting.remove(one.code)


def refused(*_: object) -> None:
    raise BrokerRefused("it is away")


async def test_a_certificate_of_nobody_opens_nothing(secured: Secured, tmp_path: Path) -> None:
    security = secured.admission.security
    of_another = Certificates(tmp_path / "another")
    of_another.prepare()
    acting = registrar(secured, Told())
    acting.certify(HERE)
    assert await seen_by(secured.by_certificate(HERE)) >= {inbox_topic(HERE)}
    by_certificate = replace(secured.by_certificate(HERE), certificate=tmp_path / "shown.pem")
    shown = {
        "of another authority": of_another.of_a_user("zzg01.1"),
        "of the administrator": security.certificates.of_a_user(ADMIN),
        "of the broker itself": security.certificates.broker.read_text(),
    }
    for whose, pem in shown.items():
        (tmp_path / "shown.pem").write_text(pem)
        with pytest.raises(KafkaError):
            pytest.fail(f"{whose} sees {await asyncio.wait_for(seen_by(by_certificate), 30)}")
    with pytest.raises(KafkaError):
        await asyncio.wait_for(seen_by(replace(by_certificate, certificate=None)), 30)
