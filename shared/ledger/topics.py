"""The names of Kafka topics: `careplan.<what>.<kind>.v<major>`, sections in kebab-case."""

from uuid import UUID

from shared.ledger.names import LOCAL_ID, ODS, kebab

AUDIT_RECORDS = "careplan.audit.records.v1"
PLAN_CHANGES = "careplan.plan.changes.v1"

# What the plan and the audit subscribe to; no other topic's name may match it.
EVENTS_PATTERN = r"careplan\.[a-z-]+\.events\.v1"

# The inbox of every organisation; the only group is its code.
INBOXES_PATTERN = rf"careplan\.inbox\.({LOCAL_ID}|{ODS.lower()})\.v1"


def events_topic(section: str) -> str:
    """Where a section publishes what it has recorded."""
    return f"careplan.{kebab(section)}.events.v1"


def commands_topic(section: str) -> str:
    """Where a section takes contributions whose origin has been proven."""
    return f"careplan.{kebab(section)}.commands.v1"


def inbox_topic(organisation: str) -> str:
    """Where one organisation, and nobody else, writes its contributions."""
    return f"careplan.inbox.{organisation.lower()}.v1"


def receipts_topic(organisation: str) -> str:
    """Where one organisation, and nobody else, reads the answers to its contributions."""
    return f"careplan.receipts.{organisation.lower()}.v1"


def dead_letters_topic(consumer: str) -> str:
    """Where a consumer puts what it could not read or apply, for an operator to look at."""
    return f"careplan.{kebab(consumer)}.dead-letters.v1"


def named_topic(topic: str, topic_id: UUID | None) -> str:
    """A topic's name as ids hold it: one that was made again counts its offsets from 0 again."""
    return topic if topic_id is None else f"{topic}@{topic_id.hex[:12]}"
