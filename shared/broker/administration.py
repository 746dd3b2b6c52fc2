"""Users, rights and quotas at the broker, given out by its administrator."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Final, Literal, Self

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from kafka.errors import KafkaError
from kafka.protocol.admin import AlterClientQuotasRequest, DescribeClientQuotasRequest

from shared.broker.access import SCRAM, BrokerAccess
from shared.broker.refused import BrokerRefused
from shared.broker.rights import Right

QUOTAS: Final = ("producer_byte_rate", "consumer_byte_rate")
"""Bytes a second that a user may write, and read."""

_WITHIN_MS: Final = 10_000
_ITERATIONS: Final = 4_096  # the least that Kafka takes, and RFC 7677 asks for
_APPLIED_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.02
_PRINCIPAL: Final = "User:"
_ANY_HOST: Final = "*"
_KINDS: Final[Mapping[Literal["topic", "group"], ResourceType]] = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
}
_NAMES: Final = {number: name for name, number in _KINDS.items()}
_EXACT: Final = 0  # of a question about quotas: the name given, and no other


class BrokerAdministration:
    """The administrator's connection; closed by ``with``. Raises ``BrokerRefused``.

    What it has changed holds when it returns: the broker acts by it.
    """

    def __init__(self, access: BrokerAccess) -> None:
        try:
            self._client = KafkaAdminClient(
                **access.options, bootstrap_timeout_ms=_WITHIN_MS, request_timeout_ms=_WITHIN_MS
            )
        except KafkaError as error:
            raise BrokerRefused(f"no connection ({type(error).__name__})") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def users(self) -> set[str]:
        """Every user who has a password."""
        return set(self._iterations())

    def set_passwords(self, passwords: Mapping[str, str]) -> None:
        """Make these users, or give them another password: the old one opens nothing any more."""
        there = self._iterations()
        # Another number than it was: by that alone one sees that a password has changed.
        wanted = {name: _ITERATIONS + (there.get(name) == _ITERATIONS) for name in passwords}
        self._alter_users(
            [
                UserScramCredentialUpsertion(name, SCRAM, told, iterations=wanted[name])
                for name, told in passwords.items()
            ]
        )
        self._until(lambda: wanted.items() <= self._iterations().items())

    def remove_users(self, names: Collection[str]) -> None:
        """Take their passwords from these users, where they have one."""
        found = self.users().intersection(names)
        self._alter_users([UserScramCredentialDeletion(name, SCRAM) for name in found])
        self._until(lambda: not self.users().intersection(found))

    def _iterations(self) -> dict[str, int]:
        told = self._asked(self._client.describe_user_scram_credentials)
        return {
            name: one["iterations"]
            for name, user in told.items()
            for one in user["credential_infos"]
            if one["mechanism"] == ScramMechanism.SCRAM_SHA_512
        }

    def _alter_users(self, changes: list[Any]) -> None:
        if changes:
            answers = self._asked(self._client.alter_user_scram_credentials, changes)
            _raise_first(answers.values())

    def rights(self, user: str | None = None) -> set[Right]:
        """What a user may do, or every user; what is not of the ledger's forms is passed over."""
        found, error = self._asked(self._client.describe_acls, _filter(user))
        _raise_first([error])
        return {right for acl in found if (right := _right(acl)) is not None}

    def grant(self, rights: Iterable[Right]) -> None:
        """Give these rights; one that is there already stays."""
        given = set(rights)
        if given:
            acls = [_acl(right) for right in sorted(given)]
            _raise_first(self._asked(self._client.create_acls, acls)["failed"])
            self._until(lambda: given <= self.rights())

    def withdraw(self, rights: Iterable[Right]) -> None:
        """Take these rights away; connections that are open lose them too."""
        taken = set(rights)
        if taken:
            filters = [_exactly(right) for right in sorted(taken)]
            answers = self._asked(self._client.delete_acls, filters)
            _raise_first(error for _, _, error in answers)
            self._until(lambda: not taken & self.rights())

    def quotas(self, user: str) -> dict[str, float]:
        """The quotas of a user, by their names in ``QUOTAS``."""
        component = DescribeClientQuotasRequest.ComponentData(
            entity_type="user", match_type=_EXACT, match=user
        )
        answer = self._sent(DescribeClientQuotasRequest(components=[component], strict=True))
        if answer.error_code:
            raise BrokerRefused(str(answer.error_message))
        return {item.key: item.value for entry in answer.entries or () for item in entry.values}

    def set_quotas(self, quotas: Mapping[str, int | None]) -> None:
        """Let users write, and read, so many bytes a second; ``None`` takes the bound away."""
        entries = [_quota_entry(user, quota) for user, quota in quotas.items()]
        if not entries:
            return
        answer = self._sent(AlterClientQuotasRequest(entries=entries, validate_only=False))
        _raise_first(told.error_message for told in answer.entries if told.error_code)
        for user, quota in quotas.items():
            self._until(partial(self._has_quota, user, quota))

    def _has_quota(self, user: str, quota: int | None) -> bool:
        wanted = {} if quota is None else dict.fromkeys(QUOTAS, float(quota))
        return self.quotas(user) == wanted

    def delete_topics(self, names: Collection[str]) -> None:
        """Remove those of these topics that are there, with what is in them."""
        there = set(self._asked(self._client.list_topics))
        if found := sorted(there.intersection(names)):
            self._asked(self._client.delete_topics, found)

    def _until(self, holds: Callable[[], bool]) -> None:
        """Waits until the broker acts by what its controller has written down."""
        latest = monotonic() + _APPLIED_SECONDS
        while not holds():
            if monotonic() > latest:
                raise BrokerRefused("it has taken the change, and does not act by it yet")
            sleep(_LOOK_SECONDS)

    def _sent(self, request: Any) -> Any:
        manager = self._client._manager  # noqa: SLF001 - no public call for quotas; it is pinned
        return self._asked(manager.run, manager.send, request)

    def _asked(self, ask: Any, *given: Any) -> Any:
        try:
            return ask(*given)
        except KafkaError as error:
            raise BrokerRefused(str(error) or type(error).__name__) from error


def _raise_first(errors: Iterable[Any]) -> None:
    for error in errors:
        code = getattr(error, "errno", None)
        if error is not None and code != 0:
            raise BrokerRefused(getattr(error, "__name__", None) or str(error))


def _quota_entry(user: str, quota: int | None) -> Any:
    made = AlterClientQuotasRequest.EntryData
    operations = [
        made.OpData(key=name, value=float(quota or 0), remove=quota is None) for name in QUOTAS
    ]
    return made(
        entity=[made.EntityData(entity_type="user", entity_name=user)],
        ops=operations,
    )


def _acl(right: Right) -> ACL:
    pattern = ACLResourcePatternType.PREFIXED if right.is_prefix else ACLResourcePatternType.LITERAL
    return ACL(
        principal=_PRINCIPAL + right.user,
        host=_ANY_HOST,
        operation=ACLOperation[right.operation],
        permission_type=ACLPermissionType.ALLOW,
        resource_pattern=ResourcePattern(_KINDS[right.kind], right.name, pattern),
    )


def _exactly(right: Right) -> ACLFilter:
    acl = _acl(right)
    pattern = acl.resource_pattern
    return ACLFilter(
        principal=acl.principal,
        host=acl.host,
        operation=acl.operation,
        permission_type=acl.permission_type,
        resource_pattern=ResourcePatternFilter(
            pattern.resource_type, pattern.resource_name, pattern.pattern_type
        ),
    )


def _filter(user: str | None) -> ACLFilter:
    return ACLFilter(
        principal=None if user is None else _PRINCIPAL + user,
        host=None,
        operation=ACLOperation.ANY,
        permission_type=ACLPermissionType.ANY,
        resource_pattern=ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
    )


def _right(acl: ACL) -> Right | None:
    pattern = acl.resource_pattern
    kind = _NAMES.get(pattern.resource_type)
    if kind is None or acl.permission_type != ACLPermissionType.ALLOW:
        return None
    return Right(
        acl.principal.removeprefix(_PRINCIPAL),
        kind,
        pattern.resource_name,
        acl.operation.name,
        pattern.pattern_type == ACLResourcePatternType.PREFIXED,
    )
