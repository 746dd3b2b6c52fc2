"""What intake knows of organisations changes with their file, and never for the worse."""

import json
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey

from services.intake.organisations import Organisations
from services.intake.settings import IntakeSettings
from services.intake.signatures import INVALID, MISSING
from shared.broker.registry import SUSPENDED, Registered, Registry
from shared.chassis.settings import SettingUnusable
from tests.unit.intake.test_signatures import NOW, judged, signed


def test_a_change_of_the_file_counts_from_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "organisations.json"
    roles = {"zzg01": ("of-the-settings",), "zzh01": ("of-the-settings",)}
    known = Organisations(IntakeSettings(roles=roles, organisations=str(path)))
    known.look_again()  # it is not there yet
    assert known.roles("zzg01") == ("of-the-settings",)
    Registry(path).put(Registered("ZZG01", "Larkfield", ("registration-service",)))
    known.look_again()
    assert known.roles("zzg01") == ("registration-service",)
    assert known.roles("zzh01") == ("of-the-settings",)
    assert not known.is_suspended("zzg01")
    Registry(path).put(Registered("ZZG01", "Larkfield", state=SUSPENDED))
    known.look_again()
    assert known.is_suspended("zzg01")
    path.write_text("{")
    known.look_again()
    assert known.is_suspended("zzg01")


def test_it_begins_with_what_the_file_says_and_not_with_one_that_cannot_be_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "organisations.json"
    own = IntakeSettings(organisations=str(path))
    Registry(path).put(Registered("ZZG01", "Larkfield", signed=True, state=SUSPENDED))
    known = Organisations(own)
    assert known.is_suspended("zzg01")
    assert refused(known, None) == MISSING
    key = '{"organisations": [{"code": "ZZG01", "name": "L", "roles": [], "keys": [{"kid": "k"}]}]}'
    for text in ("{", "[]", "{}", key):
        path.write_text(text)
        with pytest.raises(SettingUnusable, match="CAREPLAN_INTAKE_ORGANISATIONS"):
            Organisations(own)


def test_without_a_file_the_settings_count() -> None:
    known = Organisations(IntakeSettings(roles={"zzg01": ("registration-service",)}))
    known.look_again()
    assert known.roles("zzg01") == ("registration-service",)
    assert known.roles("zzg02") == ()
    assert not known.is_suspended("zzg01")


def test_keys_that_are_written_down_later_count_beside_those_of_the_settings(
    tmp_path: Path,
) -> None:
    of_settings, added = (key_of(kid) for kid in ("one", "two"))
    told = {"zzg01": {"required": False, "keys": [of_settings.as_dict(private=False)]}}
    (tmp_path / "signatures.json").write_text(json.dumps(told))
    path = tmp_path / "organisations.json"
    own = IntakeSettings(signatures=str(tmp_path / "signatures.json"), organisations=str(path))
    known = Organisations(own)
    known.look_again()
    assert refused(known, signed_by(of_settings)) is None
    assert refused(known, signed_by(added)) == INVALID
    assert refused(known, None) is None
    jwk = added.as_dict(private=False)
    Registry(path).put(Registered("ZZG01", "Larkfield", signed=True, keys=(jwk,)))
    known.look_again()
    assert refused(known, signed_by(of_settings)) is None
    assert refused(known, signed_by(added)) is None
    assert refused(known, None) == MISSING
    # By an end that is over, a key is taken away: the one with its name takes its place.
    Registry(path).put(Registered("ZZG01", "Larkfield", keys=({**jwk, "exp": NOW},)))
    known.look_again()
    assert refused(known, signed_by(added)) == INVALID
    Registry(path).put(Registered("ZZG01", "Larkfield", keys=({"kid": "no key"},)))
    known.look_again()
    assert refused(known, signed_by(added)) == INVALID
    assert refused(known, signed_by(of_settings)) is None


def key_of(kid: str) -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": kid})


def signed_by(key: OKPKey) -> str:
    return signed(key=key, org="zzg01", top="careplan.inbox.zzg01.v1")


def refused(known: Organisations, signature: str | None) -> str | None:
    return judged(known.signatures, signature, is_there=signature is not None, organisation="zzg01")
