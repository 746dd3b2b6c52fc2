"""What a process shows at the broker, by its settings."""

import ssl
from pathlib import Path

import pytest

from shared.broker.access import BrokerAccess
from shared.broker.keys.certificates import Certificates
from shared.broker.keys.credentials import Credentials
from shared.chassis.settings import Settings, SettingUnusable, from_environment


def test_without_a_word_the_broker_asks_nobody() -> None:
    broker = Settings(kafka_servers="127.0.0.1:9").broker
    assert broker == BrokerAccess("127.0.0.1:9")
    assert broker.options == {"bootstrap_servers": "127.0.0.1:9"}


@pytest.mark.parametrize("suffix", ["", ".json"])
def test_a_user_comes_in_with_the_password_of_its_file(tmp_path: Path, suffix: str) -> None:
    certificates = Certificates(tmp_path / "tls")
    certificates.prepare()
    password = tmp_path / f"password{suffix}"
    password.write_text('{"password": "a b"}' if suffix else "a b\n")
    broker = Settings(
        kafka_protocol="SASL_SSL",
        kafka_user="service-goals",
        kafka_password_file=str(password),
        kafka_ca_file=str(certificates.authority),
    ).broker
    told = broker.options
    assert told["security_protocol"] == "SASL_SSL"
    assert told["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (told["sasl_plain_username"], told["sasl_plain_password"]) == ("service-goals", "a b")
    assert told["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert told["ssl_context"].check_hostname
    assert "a b" not in repr(broker)


def test_a_certificate_takes_the_place_of_a_password(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path / "tls")
    certificates.prepare()
    broker = Settings(
        kafka_protocol="SSL",
        kafka_ca_file=str(certificates.authority),
        kafka_certificate_file=str(certificates.broker),
        kafka_key_file=str(certificates.broker),
    ).broker
    assert set(broker.options) == {"bootstrap_servers", "security_protocol", "ssl_context"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"CAREPLAN_KAFKA_PROTOCOL": "SASL_SSL"},
            (
                "CAREPLAN_KAFKA_PROTOCOL needs CAREPLAN_KAFKA_USER and "
                "CAREPLAN_KAFKA_PASSWORD_FILE where it is SASL_SSL."
            ),
        ),
        (
            {"CAREPLAN_KAFKA_PROTOCOL": "SSL"},
            (
                "CAREPLAN_KAFKA_PROTOCOL needs CAREPLAN_KAFKA_CERTIFICATE_FILE and "
                "CAREPLAN_KAFKA_KEY_FILE where it is SSL."
            ),
        ),
        (
            {"CAREPLAN_KAFKA_PROTOCOL": "tls"},
            "CAREPLAN_KAFKA_PROTOCOL must be 'PLAINTEXT', 'SASL_SSL' or 'SSL'.",
        ),
        (
            {"CAREPLAN_KAFKA_CA_FILE": "nowhere.pem"},
            "CAREPLAN_KAFKA_CA_FILE must be a file that can be read (No such file or directory).",
        ),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(
    given: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingUnusable) as unusable:
        from_environment(Settings)
    assert str(unusable.value) == said


def test_a_password_is_made_once_and_kept(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path / "credentials")
    made = credentials.ensured(["zzg01", "zzh01"])
    assert credentials.ensured(["zzh01", "zzg01"]) == made
    assert made["zzg01"] != made["zzh01"]
    assert credentials.renew("zzg01") != made["zzg01"]
    assert BrokerAccess("", password_file=credentials.path("zzh01")).password() == made["zzh01"]
