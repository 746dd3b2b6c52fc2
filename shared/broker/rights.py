"""What a user may do at the broker: each right is one line of Kafka's access control."""

from typing import Final, Literal, NamedTuple

READ: Final = "READ"
WRITE: Final = "WRITE"
ADMIN: Final = "admin"
"""The user who may do everything: makes topics, users and rights."""
BROKER: Final = "broker"
"""The user of the broker itself."""
SUPER_USERS: Final = (ADMIN, BROKER)

_OF_A_SERVICE: Final = "service-"


class Right(NamedTuple):
    """To read or write a topic, or to consume in a group; whoever may do either may describe it.

    ``is_prefix``: the name is where the names of several begin, and ends with a dot.
    """

    user: str
    kind: Literal["topic", "group"]
    name: str
    operation: str
    is_prefix: bool = False

    def __str__(self) -> str:
        return f"{self.operation} {self.kind} {self.name}{'*' if self.is_prefix else ''}"


def user_of_service(name: str) -> str:
    """The user of a service by its name on the wire; no organisation's code has this form."""
    return f"{_OF_A_SERVICE}{name}"


def is_of_a_service(user: str) -> bool:
    """Whether a user is that of a service."""
    return user.startswith(_OF_A_SERVICE)


def user_of_organisation(code: str) -> str:
    """The user of an organisation: its code as its topics have it.

    Raises ``ValueError`` for a code that would make it one of those who may do everything.
    """
    user = code.lower()
    if user in SUPER_USERS:
        raise ValueError(f"no organisation can have the code {user}")
    return user


def user_of_certificate(code: str, number: int) -> str:
    """The user that an organisation is by its certificate of this number, which names it.

    Each certificate has a user of its own: the rights of one can be taken, and no other loses any.
    """
    return f"{user_of_organisation(code)}.{number}"


def is_of_organisation(user: str, code: str) -> bool:
    """Whether a user is an organisation, by its password or by any certificate it ever had."""
    name, _, number = user.partition(".")
    return name == user_of_organisation(code) and (user == name or number.isdecimal())


CERTIFICATE_NAMES: Final = r"RULE:^CN=([a-z0-9-]+\.[0-9]+)$/$1/"
"""Which names in certificates are users, as Kafka is told; the broker's own is none."""
