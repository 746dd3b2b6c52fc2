"""Who may write and read which topic, as its contract says: what the broker is told."""

from collections.abc import Iterable

from shared.broker.rights import READ, WRITE, Right, user_of_organisation, user_of_service
from shared.contracts.topic_files import ORG, OWN, readers_of, topics, writers_of
from shared.ledger.names import kebab
from shared.ledger.topics import inbox_topic, receipts_topic


def rights_of_services(sections: Iterable[str], organisations: Iterable[str]) -> set[Right]:
    """What every service may do: each line names one topic or one group, and none a pattern."""
    names = tuple(sections)
    codes = [code.lower() for code in organisations]
    rights = set()
    for topic in topics(names):
        named = [topic.name.replace(ORG, code) for code in codes] if ORG in topic.name else None
        for operation, users in (
            (WRITE, writers_of(topic, names)),
            (READ, readers_of(topic.name, names)),
        ):
            for user in map(user_of_service, set(users) - {OWN}):
                rights |= {Right(user, "topic", one, operation) for one in named or [topic.name]}
    # A consumer's group has its name; that of the local copies stands beside it.
    copying = [*map(kebab, names), "plan"]
    groups = [(name, name) for name in (*copying, "audit", "intake")]
    groups += [(name, f"{name}-copies") for name in copying]
    rights |= {Right(user_of_service(name), "group", group, READ) for name, group in groups}
    return rights


def rights_of_organisation(code: str) -> set[Right]:
    """What every organisation may do: write its inbox, read its receipts, in groups of its own."""
    user = user_of_organisation(code)
    return {
        Right(user, "topic", inbox_topic(code), WRITE),
        Right(user, "topic", receipts_topic(code), READ),
        Right(user, "group", f"{user}.", READ, is_prefix=True),
    }
