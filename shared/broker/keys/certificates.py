"""Certificates of a development broker: an authority of its own, one for loopback, and users'."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.broker.keys.private_files import private_folder, write_private

_AUTHORITY: Final = timedelta(days=3_650)
_CERTIFICATE: Final = timedelta(days=90)
_RENEWED_BEFORE: Final = timedelta(days=30)
_CLOCKS_DIFFER: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Certificates:
    """Where they are; ``prepare`` makes what is missing, or about to expire.

    Only the owner may read the folder. Clients need ``authority`` alone: it stays the same when the
    broker's certificate is renewed.
    """

    folder: Path

    @property
    def authority(self) -> Path:
        """The certificate by which clients know the broker."""
        return self.folder / "ca.pem"

    @property
    def broker(self) -> Path:
        """The broker's key and certificate, in one file, as Kafka reads them."""
        return self.folder / "broker.pem"

    @property
    def _authority_key(self) -> Path:
        return self.folder / "ca.key"

    def prepare(self, now: datetime | None = None) -> None:
        """Makes what is missing, or ends within 30 days."""
        now = now or datetime.now(UTC)
        private_folder(self.folder)
        if not self._authority_key.exists() or _ends_soon(self.authority, now):
            self.broker.unlink(missing_ok=True)
            self._make_authority(now)
        if _ends_soon(self.broker, now):
            self._make_broker(now)

    def of_a_user(self, name: str, now: datetime | None = None) -> str:
        """A new key and a certificate by which a user comes in, as one text in PEM.

        It holds for 90 days, and is kept nowhere here.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(
            name, key, now or datetime.now(UTC), (), [ExtendedKeyUsageOID.CLIENT_AUTH]
        )
        return _pem_of_key(key) + certificate

    def _make_authority(self, now: datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _named("careplan development authority")
        certificate = (
            _begun(name, name, key.public_key(), key.public_key(), now, _AUTHORITY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_private(self._authority_key, _pem_of_key(key))
        write_private(self.authority, _pem(certificate))

    def _make_broker(self, now: datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        loopback = [
            x509.DNSName("localhost"),
            *(x509.IPAddress(ipaddress.ip_address(one)) for one in ("127.0.0.1", "::1")),
        ]
        # Its own client too: broker and controller speak over TLS.
        usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        write_private(
            self.broker, _pem_of_key(key) + self._signed("broker", key, now, loopback, usage)
        )

    def _signed(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        now: datetime,
        places: Sequence[x509.GeneralName],
        usage: Sequence[x509.ObjectIdentifier],
    ) -> str:
        """A certificate by the authority, and the authority's own."""
        signer = serialization.load_pem_private_key(self._authority_key.read_bytes(), None)
        authority = x509.load_pem_x509_certificate(self.authority.read_bytes())
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{self._authority_key} holds another kind of key")
        begun = (
            _begun(
                _named(name),
                authority.subject,
                key.public_key(),
                signer.public_key(),
                now,
                _CERTIFICATE,
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        )
        if places:
            begun = begun.add_extension(x509.SubjectAlternativeName(places), critical=False)
        return _pem(begun.sign(signer, hashes.SHA256())) + _pem(authority)


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuers_key: ec.EllipticCurvePublicKey,
    now: datetime,
    valid_for: timedelta,
) -> x509.CertificateBuilder:
    # Which key each is of, and by which it is signed: Python 3.13 takes none that does not say so.
    of_key = x509.SubjectKeyIdentifier.from_public_key(key)
    of_issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuers_key)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(now + valid_for)
        .add_extension(of_key, critical=False)
        .add_extension(of_issuer, critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _ends_soon(path: Path, now: datetime) -> bool:
    """Whether it is missing, cannot be read, or ends within 30 days."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return True
    return certificate.not_valid_after_utc - now < _RENEWED_BEFORE


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _pem_of_key(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,  # the only form that Kafka reads
        serialization.NoEncryption(),
    ).decode()
