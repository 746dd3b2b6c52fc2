"""What a process is told about the broker: its address, and what to show there."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from shared.broker.access import PLAINTEXT, SASL_SSL, SCRAM, SSL, BrokerAccess


def kafka_addresses(text: str) -> str:
    """Brokers as ``host:port``, separated by commas; a ValueError says what is missing."""
    for address in text.split(","):
        host, _, port = address.strip().rpartition(":")
        if not host or not _is_port(port):
            raise ValueError("must be host:port, or several of these separated by commas")
    return text


def readable_file(text: str) -> str:
    """A file that this process may read, or nothing."""
    try:
        if text:
            Path(text).open("rb").close()
    except OSError as error:
        raise ValueError(f"must be a file that can be read ({error.strerror})") from None
    return text


_File = Annotated[str, AfterValidator(readable_file)]


class BrokerSettings(BaseSettings):
    """The settings of the broker, the same for every process that connects to it."""

    kafka_servers: Annotated[str, AfterValidator(kafka_addresses)] = "127.0.0.1:19092"
    kafka_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256"] = SCRAM
    kafka_user: str = ""
    kafka_password_file: _File = Field(
        default="", description="it holds the password, or JSON with `password`"
    )
    kafka_ca_file: _File = Field(
        default="", description="who vouches for the broker; empty: those whom the system trusts"
    )
    kafka_certificate_file: _File = Field(default="", description="for SSL: a chain in PEM")
    kafka_key_file: _File = Field(default="", description="for SSL: the key of the certificate")
    kafka_protocol: Literal["PLAINTEXT", "SASL_SSL", "SSL"] = Field(
        default=PLAINTEXT,
        description="PLAINTEXT for a broker of tests; SASL_SSL with a user, SSL with a certificate",
    )

    @field_validator("kafka_protocol", mode="after")
    @classmethod
    def _with_what_it_needs(cls, protocol: str, others: ValidationInfo) -> str:
        needed = {
            SASL_SSL: ("kafka_user", "kafka_password_file"),
            SSL: ("kafka_certificate_file", "kafka_key_file"),
        }.get(protocol, ())
        missing = [name for name in needed if others.data.get(name) == ""]
        if missing:
            names = " and ".join(f"CAREPLAN_{name.upper()}" for name in missing)
            raise ValueError(f"needs {names} where it is {protocol}")
        return protocol

    @property
    def broker(self) -> BrokerAccess:
        """How to come in at the broker."""
        return BrokerAccess(
            self.kafka_servers,
            self.kafka_protocol,
            self.kafka_mechanism,
            self.kafka_user,
            _path(self.kafka_password_file),
            _path(self.kafka_ca_file),
            _path(self.kafka_certificate_file),
            _path(self.kafka_key_file),
        )


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text[:6]) < 1 << 16
