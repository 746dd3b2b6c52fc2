"""The certificates of the stack's broker: made once, renewed before they end, for loopback."""

import ssl
import stat
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from shared.broker.keys.certificates import Certificates


def test_they_stay_until_they_are_about_to_end(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path / "tls")
    now = datetime(2026, 12, 1, tzinfo=UTC)
    certificates.prepare(now)
    first, authority = certificates.broker.read_bytes(), certificates.authority.read_bytes()
    certificates.prepare(now + timedelta(days=59))
    assert certificates.broker.read_bytes() == first
    certificates.prepare(now + timedelta(days=61))
    assert certificates.broker.read_bytes() != first
    assert certificates.authority.read_bytes() == authority
    certificates.prepare(now + timedelta(days=3_625))
    assert certificates.authority.read_bytes() != authority
    _vouches(certificates)


def test_the_authority_vouches_for_a_broker_on_loopback(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path / "tls")
    certificates.prepare()
    broker = _vouches(certificates)
    names = broker.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]


def test_a_half_written_certificate_is_made_again(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path / "tls")
    certificates.prepare()
    certificates.broker.write_text("-----BEGIN CERTIFICATE-----")
    certificates.prepare()
    _vouches(certificates)


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    Certificates(folder).prepare()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_those_who_are_strict_take_them_on_both_sides(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path / "tls")
    certificates.prepare()
    (tmp_path / "user.pem").write_text(certificates.of_a_user("zzg01.1"))
    client = ssl.create_default_context(cafile=certificates.authority)
    client.load_cert_chain(tmp_path / "user.pem")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.authority)
    server.load_cert_chain(certificates.broker)
    server.verify_mode = ssl.CERT_REQUIRED
    for one in (client, server):
        one.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python 3.13 does by itself
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(back, there, server_hostname="127.0.0.1"),
        server.wrap_bio(there, back, server_side=True),
    ]
    for _ in range(5):
        for side in sides:
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    for side in sides:
        side.do_handshake()  # it has ended
    assert "zzg01.1" in str(sides[1].getpeercert())


def _vouches(certificates: Certificates) -> x509.Certificate:
    broker = x509.load_pem_x509_certificate(certificates.broker.read_bytes())
    authority = x509.load_pem_x509_certificate(certificates.authority.read_bytes())
    broker.verify_directly_issued_by(authority)
    return broker
