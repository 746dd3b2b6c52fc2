"""What is done to a running stack's broker: each act is a record of the audit before it is done."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from os import getuid
from pathlib import Path
from pwd import getpwuid
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.broker.access import BrokerAccess
from shared.broker.keys.certificates import Certificates
from shared.broker.keys.credentials import Credentials
from shared.broker.refused import BrokerRefused, OrganisationsUnreadable, UnknownOrganisation
from shared.broker.registry import Registry
from shared.broker.rights import ADMIN
from shared.cli.output import fail
from shared.contracts import discover
from shared.ledger import instant
from shared.ledger.topics import AUDIT_RECORDS

if TYPE_CHECKING:
    from shared.broker.registrar import Registrar

_SOURCE: Final = "administration"
_WITHIN: Final = 10.0


class NotTold(Exception):
    """The audit's topic did not take the record, so nothing was done."""


def registrar(found: Mapping[str, Any], folder: Path) -> "Registrar":
    """Acts on the organisations of a running stack; ends the command where its broker is open."""
    from shared.broker.registrar import Registrar  # noqa: PLC0415 - slow

    access = BrokerAccess.of_stack(found["kafka"], ADMIN)
    if access.is_open:
        fail(
            "The broker of this stack asks for no user, since KAFKA_SERVERS named one of your own. "
            "Let organisations in there by its own tools."
        )
    sections = [section.name for section in discover.sections()]

    def tell(type_: str, more: Mapping[str, Any]) -> None:
        asyncio.run(_told(access, record_of(type_, more)))

    return Registrar(
        access,
        registry_of(folder),
        Credentials(Path(found["kafka"]["credentials"])),
        sections,
        tell,
        Certificates(Path(found["kafka"]["ca"]).parent),
    )


def registry_of(folder: Path) -> Registry:
    """The organisations of the stack in this folder."""
    return Registry(folder / "organisations.json")


def record_of(type_: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """An ``admin`` record: what is done, by whoever may read the administrator's password."""
    return {
        "record_id": f"{_SOURCE}/{uuid4()}",
        "at": instant(datetime.now(UTC)),
        "operation": "admin",
        "type": type_,
        "section": _SOURCE,
        "actor": {"kind": "system", "id": "careplan-org", "name": "careplan org"},
        "plan_id": None,
        "login": _login(),
        **more,
    }


def _login() -> str:
    """Who gives the command, as the system knows it: their environment could name anybody."""
    try:
        return getpwuid(getuid()).pw_name
    except KeyError:  # in a container that runs as nobody in particular
        return str(getuid())


@contextmanager
def plainly() -> Iterator[None]:
    """Whatever the broker, the audit or a file does not take ends the command in one line."""
    try:
        yield
    except UnknownOrganisation as unknown:
        fail(str(unknown))
    except OrganisationsUnreadable as error:
        fail(f"{error}.")
    except NotTold as error:
        fail(f"Nothing was done: the audit could not be told ({error}).")
    except BrokerRefused as error:
        fail(f"The broker did not do it: {error}. What was done stays; give the command again.")
    except (KafkaError, OSError) as error:
        fail(f"The broker cannot be asked ({type(error).__name__}). Is the stack running?")


async def _told(access: BrokerAccess, record: Mapping[str, Any]) -> None:
    headers = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", str(record["record_id"]).encode()),
        ("ce_source", f"urn:careplan:{_SOURCE}".encode()),
        ("ce_type", b"careplan.audit.record.v1"),
    ]
    producer = AIOKafkaProducer(**access.options, acks="all", enable_idempotence=True)
    try:
        async with asyncio.timeout(_WITHIN):
            await producer.start()
            await producer.send_and_wait(AUDIT_RECORDS, orjson.dumps(record), headers=headers)
    except (KafkaError, TimeoutError) as error:
        raise NotTold(type(error).__name__) from None
    finally:
        await producer.stop()
