"""Lets organisations in at the broker, and cuts them off; each act is told to the audit first."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from shared.broker.access import BrokerAccess
from shared.broker.administration import BrokerAdministration
from shared.broker.declared import rights_of_organisation, rights_of_services
from shared.broker.keys.certificates import Certificates
from shared.broker.keys.credentials import Credentials
from shared.broker.keys.signing import SigningKey
from shared.broker.refused import UnknownOrganisation
from shared.broker.registry import ACTIVE, SUSPENDED, Registered, Registry
from shared.broker.rights import (
    READ,
    Right,
    is_of_organisation,
    user_of_certificate,
    user_of_organisation,
)
from shared.broker.topics import ensure_topics
from shared.contracts.topics import declared_topics
from shared.ledger.topics import PLAN_CHANGES, events_topic, inbox_topic, receipts_topic

Tell = Callable[[str, Mapping[str, Any]], None]
"""Tells the audit what is about to be done, and to whom; raises where it is not told."""

_ADDED: Final = "organisation.added"
_CUT_OFF: Final = "organisation.cut-off"
_REMOVED: Final = "organisation.removed"
_GRANTED: Final = "organisation.granted"
_REVOKED: Final = "organisation.revoked"
_ROTATED: Final = "organisation.rotated"
_CERTIFIED: Final = "organisation.certified"
_KEY: Final = "organisation.key"
_MOST_KEYS: Final = 20


class Registrar:
    """Acts on the organisations of a deployment: at the broker, and in their file.

    Whatever is done already is left as it is, so an act that was interrupted is finished by doing
    it again. Raises ``BrokerRefused``, and ``UnknownOrganisation``.
    """

    def __init__(
        self,
        access: BrokerAccess,
        registry: Registry,
        credentials: Credentials,
        sections: Collection[str],
        tell: Tell,
        certificates: Certificates | None = None,
    ) -> None:
        self._access = access
        self._registry = registry
        self._credentials = credentials
        self._sections = sections
        self._tell = tell
        self._certificates = certificates

    def add(self, one: Registered) -> str | None:
        """Let an organisation in: its password, or ``None`` where it was in already.

        One that was cut off comes in again, with another password.
        """
        user = user_of_organisation(one.code)
        with self._acting() as broker:
            known = self._registry.all().get(user)
            if known is not None and known.state == ACTIVE and user in broker.users():
                return None
            self._tell(_ADDED, {"of": one.code, "roles": [*one.roles], "quota": one.quota})
            # Rights first: intake and sections look for topics that they may see.
            broker.grant(self._rights_of_services(one.code) | rights_of_organisation(one.code))
            own = [topic for topic in declared_topics((), [one.code]) if topic.owner == user]
            asyncio.run(ensure_topics(self._access, own))
            broker.set_quotas({user: one.quota})
            self._registry.put(_in_again(one, known))
            password = self._credentials.renew(user)
            broker.set_passwords({user: password})
        return password

    def granted(self, code: str) -> list[str]:
        """The topics that an organisation may read beside its own."""
        self.known(code)
        user = user_of_organisation(code)
        with BrokerAdministration(self._access) as broker:
            beside = broker.rights(user) - rights_of_organisation(code)
        return sorted(right.name for right in beside if right.kind == "topic")

    def may_be_granted(self) -> list[str]:
        """The topics that a subscriber may be granted; each is seen whole."""
        return sorted([*map(events_topic, self._sections), PLAN_CHANGES])

    def grant(self, code: str, topic: str) -> bool:
        """Let an organisation read one of these; false where it may already."""
        with self._acting() as broker:
            self._active(code)
            wanted = self._reading(broker, code, topic)
            if wanted <= broker.rights():
                return False
            self._tell(_GRANTED, {"of": code, "topic": topic})
            broker.grant(wanted)
        return True

    def revoke(self, code: str, topic: str) -> bool:
        """Let it read that no more; false where it may not now."""
        with self._acting() as broker:
            there = self._reading(broker, code, topic) & broker.rights()
            if not there:
                return False
            self._tell(_REVOKED, {"of": code, "topic": topic})
            broker.withdraw(there)
        return True

    def cut_off(self, code: str) -> bool:
        """Take every right, the password and the certificate; false where it was cut off before.

        Its topics stay, and what its inbox still holds is refused.
        """
        with self._acting() as broker:
            return self._cut_off(broker, code)

    def rotate(self, code: str) -> str:
        """Another password: no connection is made with the old one any more."""
        with self._acting() as broker:
            known, user = self._active(code), user_of_organisation(code)
            self._tell(_ROTATED, {"of": known.code})
            password = self._credentials.renew(user)
            broker.set_passwords({user: password})
        return password

    def certify(self, code: str) -> None:
        """A certificate with its key, beside the password; the one before opens nothing any more.

        Raises ``ValueError`` where there is no authority here that could sign it.
        """
        if self._certificates is None:
            raise ValueError("Certificates are signed elsewhere.")
        with self._acting() as broker:
            known = self._active(code)
            number = known.certificates + 1
            user, new = user_of_organisation(code), user_of_certificate(code, number)
            self._tell(_CERTIFIED, {"of": known.code, "number": number})
            # Before anybody has it: were this interrupted, no number is given out twice.
            self._registry.change(code, lambda one: replace(one, certificates=number))
            broker.grant(right._replace(user=new) for right in broker.rights(user))
            broker.set_quotas({new: known.quota})
            self._credentials.keep_certificate(user, self._certificates.of_a_user(new))
            earlier = {one for one in _rights_of(broker, code) if one.user not in (user, new)}
            broker.withdraw(earlier)
            broker.set_quotas(dict.fromkeys({right.user for right in earlier}))

    def add_key(self, code: str, key: SigningKey, *, signed: bool = False) -> None:
        """Let an organisation sign by this key, in place of one with the same ``kid``.

        With ``signed`` it has to sign all that it sends. Raises ``ValueError`` for one too many.
        """
        known = self.known(code)
        if len({key.kid, *(one["kid"] for one in known.keys)}) > _MOST_KEYS:
            raise ValueError(
                f"An organisation has at most {_MOST_KEYS} keys: give this one the kid of one that "
                "it signs with no more."
            )
        self._tell(_KEY, {"of": known.code, "kid": key.kid, "signed": signed or known.signed})
        told = key.model_dump(exclude_unset=True)

        def with_it(one: Registered) -> Registered:
            others = (other for other in one.keys if other["kid"] != key.kid)
            return replace(one, keys=(*others, told), signed=signed or one.signed)

        self._registry.change(code, with_it)

    def remove(self, code: str) -> None:
        """Take away all there is of an organisation, its topics and what they hold too."""
        with self._acting() as broker:
            known, user = self.known(code), user_of_organisation(code)
            self._cut_off(broker, code)
            self._tell(_REMOVED, {"of": known.code})
            broker.delete_topics([inbox_topic(code), receipts_topic(code)])
            broker.withdraw(self._rights_of_services(code))
            by_certificate = user_of_certificate(code, known.certificates)
            broker.set_quotas({user: None, by_certificate: None})
            self._registry.remove(code)

    def known(self, code: str) -> Registered:
        """What is written down of an organisation."""
        found = self._registry.all().get(code.lower())
        if found is None:
            raise UnknownOrganisation(
                f"No organisation {code} is registered here. `careplan org list` shows all."
            )
        return found

    @contextmanager
    def _acting(self) -> Iterator[BrokerAdministration]:
        """The administrator's connection, for one act after the other: another one waits."""
        with self._registry.one_act(), BrokerAdministration(self._access) as broker:
            yield broker

    def _cut_off(self, broker: BrokerAdministration, code: str) -> bool:
        known, user = self.known(code), user_of_organisation(code)
        rights = _rights_of(broker, code)
        if known.state == SUSPENDED and not rights and user not in broker.users():
            return False
        self._tell(_CUT_OFF, {"of": known.code})
        self._registry.change(code, lambda one: replace(one, state=SUSPENDED))
        broker.withdraw(rights)
        broker.remove_users([user])
        self._credentials.forget(user)
        return True

    def _active(self, code: str) -> Registered:
        known = self.known(code)
        if known.state == SUSPENDED:
            raise UnknownOrganisation(f"{known.code} is cut off: `careplan org add` lets it in.")
        return known

    def _rights_of_services(self, code: str) -> set[Right]:
        everything = rights_of_services(self._sections, [code])
        own = (inbox_topic(code), receipts_topic(code))
        return {right for right in everything if right.name in own}

    def _reading(self, broker: BrokerAdministration, code: str, topic: str) -> set[Right]:
        """To read this, for its user and for that of its certificate, where that comes in."""
        self.known(code)
        by_certificate = {right.user for right in _rights_of(broker, code)}
        users = {user_of_organisation(code), *by_certificate}
        return {Right(user, "topic", topic, READ) for user in users}


def _rights_of(broker: BrokerAdministration, code: str) -> set[Right]:
    """By its password, and by each of its certificates that can do anything."""
    return {right for right in broker.rights() if is_of_organisation(right.user, code)}


def _in_again(one: Registered, known: Registered | None) -> Registered:
    """As it is added now, with the keys it had; no certificate is given out a second time."""
    if known is None:
        return replace(one, state=ACTIVE)
    return replace(
        one,
        state=ACTIVE,
        keys=known.keys,
        signed=one.signed or known.signed,
        certificates=known.certificates,
    )
