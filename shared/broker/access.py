"""How a client comes in at the broker: as nobody, as a user over TLS, or by a certificate."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import orjson

from shared.broker.keys.credentials import Credentials

PLAINTEXT: Final = "PLAINTEXT"
SASL_SSL: Final = "SASL_SSL"
SSL: Final = "SSL"
SCRAM: Final = "SCRAM-SHA-512"


@dataclass(frozen=True)
class BrokerAccess:
    """The address of a broker, and what a client shows there.

    ``PLAINTEXT`` is for a broker of tests, on loopback. With ``SASL_SSL`` a client proves that it
    knows its user's password (SCRAM, RFC 5802), with ``SSL`` that it has the key of a certificate.
    ``ca`` is the file of the authorities that vouch for the broker; without it those of the system
    do. ``key`` may be missing where it stands in the file of the certificate.
    """

    servers: str
    protocol: str = PLAINTEXT
    mechanism: str = SCRAM
    user: str = ""
    password_file: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @classmethod
    def of_stack(cls, told: Mapping[str, Any], user: str, *, by_certificate: bool = False) -> Self:
        """The access of a user of a running stack, by what its ``stack.json`` says of Kafka."""
        if told.get("protocol", PLAINTEXT) == PLAINTEXT:
            return cls(told["bootstrap"])
        ca, credentials = Path(told["ca"]), Credentials(Path(told["credentials"]))
        if by_certificate:
            certificate = credentials.certificate(user)
            return cls(told["mutual_tls"], SSL, ca=ca, certificate=certificate)
        return cls(
            told["bootstrap"],
            told["protocol"],
            told["mechanism"],
            user,
            credentials.path(user),
            ca,
        )

    def told(self) -> dict[str, str]:
        """What any client is told, by the names that the clients of the contracts read.

        Raises ``OSError`` or ``ValueError`` where there is no such password or certificate.
        """
        told = {"bootstrap": self.servers}
        if not self.is_open and self.ca is not None:
            told["ca"] = str(self.ca)
        if self.protocol == SASL_SSL:
            told |= {"username": self.user, "password": self.password()}
        elif self.certificate is not None:
            told["certificate"] = str(self.certificate.resolve(strict=True))
        return told

    @property
    def is_open(self) -> bool:
        """Whether the broker asks nobody who they are."""
        return self.protocol == PLAINTEXT

    @property
    def options(self) -> dict[str, Any]:
        """What a client of aiokafka or kafka-python is given; the password is read anew."""
        options: dict[str, Any] = {"bootstrap_servers": self.servers}
        if self.is_open:
            return options
        options |= {"security_protocol": self.protocol, "ssl_context": self.tls()}
        if self.protocol == SASL_SSL:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password(),
            }
        return options

    def password(self) -> str:
        """The user's password: the text of its file, or the member ``password`` of its JSON."""
        if self.password_file is None:
            raise ValueError("a user without a file of its password")
        text = self.password_file.read_text("utf-8").strip()
        if self.password_file.suffix != ".json":
            return text
        password: str = orjson.loads(text)["password"]
        return password

    def tls(self) -> ssl.SSLContext:
        """TLS as a client speaks it: the broker's certificate and name are always checked."""
        context = ssl.create_default_context(cafile=self.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context
