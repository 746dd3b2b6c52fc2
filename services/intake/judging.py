"""What becomes of a message: a command for a section, or a refusal; no plan is looked at.

The topic says whose it is. What is judged here follows from the message and the contracts alone:
repeats, versions, rights and rules are the section's to decide.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from services.intake.messages import Message, message_in
from services.intake.signatures import Signatures
from shared.chassis.contribute.prepare import prepare, section_of
from shared.chassis.kafka.commands import NotTaken, contribution_in, system_of
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import header
from shared.chassis.telemetry import log
from shared.chassis.wire.command_record import organisation_in
from shared.chassis.wire.problem import Problem, detail_of
from shared.chassis.wire.validation_errors import sentence_of
from shared.ledger import Section, id_in
from shared.ledger.topics import INBOXES_PATTERN, inbox_topic

CLAIM_DIFFERS: Final = "organisation-claim-differs"
SUSPENDED: Final = "organisation-suspended"
NOT_REGISTERED: Final = "The organisation of this inbox is not registered: it has no receipts."
_ANOTHERS: Final = (
    "The organisation that it names as its source is not the one of this inbox, which alone says "
    "who contributes."
)
_CUT_OFF: Final = (
    "This organisation is cut off: nothing of its inbox is taken. Whoever runs the ledger can say "
    "why, and let it in again."
)
_SOURCE: Final = ("/ce_source", "/source")
_LONGEST_ID: Final = 64


@dataclass
class Judged:
    """A record of an organisation's inbox, what it says as far as it could be read, and the no.

    ``contribution_id`` is the text by which it is answered; ``section`` is the one to decide, by
    its name on the wire. Where nothing is ``refused``, ``value`` is what that section is given.
    """

    record: Record
    organisation: str
    contribution_id: str | None = None
    plan_id: UUID | None = None
    type: str | None = None
    section: str | None = None
    value: bytes = field(default=b"", repr=False)
    claimed: str | None = None
    signature: str | None = None
    refused: NotTaken | None = None


def organisation_of(topic: str, prefix: str) -> str:
    """The code, in lower case, of the organisation that alone writes to this inbox."""
    found = re.fullmatch(INBOXES_PATTERN, topic.removeprefix(prefix))
    if found is None:
        raise LookupError("this topic is no inbox")
    return found[1]


def judge(
    record: Record,
    organisation: str,
    sections: Sequence[Section],
    signatures: Signatures | None = None,
    *,
    is_suspended: bool = False,
) -> Judged:
    """Whether it is passed on, and to whom; raises nothing, whatever somebody has sent.

    Without ``signatures`` nobody has keys, and nobody has to sign.
    """
    judged = Judged(record, organisation, contribution_id=_id_in(header(record, "ce_id")))
    try:
        message = message_in(record)
        _note(judged, message)
        known = signatures or Signatures({})
        _must_be_theirs(judged, message, known, is_suspended=is_suspended)
        judged.section = _section_for(judged, message, sections)
        judged.value = message.value
        judged.signature = message.signature
    except NotTaken as no:
        judged.refused = no
    except Exception as error:  # noqa: BLE001 - one that nobody thought of must not stop the others
        log.error("inbox.not_judged", error=error, organisation=organisation)
        reason = f"This cannot be judged ({type(error).__name__})."
        judged.refused = NotTaken(reason, "internal-error")
    return judged


def _note(judged: Judged, message: Message) -> None:
    """What it says of itself, before any of it is believed: by this it is answered."""
    given = message.given if isinstance(message.given, dict) else {}
    named = _id_in(message.headers.get("ce_id")) or _id_in(given.get("contribution_id"))
    judged.contribution_id = judged.contribution_id or named
    judged.plan_id = id_in(given.get("plan_id"))
    judged.claimed = organisation_in(message.headers.get("ce_source"))


def _must_be_theirs(
    judged: Judged, message: Message, signatures: Signatures, *, is_suspended: bool
) -> None:
    """By what it says, and by its signature; what the topic says has been proven already."""
    if judged.claimed is None:
        raise NotTaken(sentence_of([one for one in message.wrong if one["pointer"] in _SOURCE]))
    if judged.claimed.lower() != judged.organisation:
        raise NotTaken(_ANOTHERS, CLAIM_DIFFERS)
    if is_suspended:
        raise NotTaken(_CUT_OFF, SUSPENDED)
    if message.no is not None:
        raise message.no
    given = message.given if isinstance(message.given, dict) else {}
    signatures.judge(
        message.signature,
        is_there=message.is_signed,
        organisation=judged.organisation,
        topic=inbox_topic(judged.organisation),
        contribution_id=given.get("contribution_id"),
        value=message.value,
    )


def _section_for(judged: Judged, message: Message, sections: Sequence[Section]) -> str:
    contribution = contribution_in(message.given, message.wrong, judged.record.key)
    try:
        section = section_of(sections, contribution.command)
        judged.section, judged.type = section.wire_name, contribution.command
        prepare(section, contribution, system_of(judged.organisation))
    except Problem as problem:
        raise NotTaken(detail_of(problem), problem.code) from None
    return section.wire_name


def _id_in(given: Any) -> str | None:
    """What an answer can name: any text that is no longer than an id may be."""
    return given if isinstance(given, str) and 0 < len(given) <= _LONGEST_ID else None
