"""What intake knows of organisations changes with their file, and never for the worse."""

from pathlib import Path

from services.intake.organisations import Organisations
from services.intake.settings import IntakeSettings
from shared.broker.registry import SUSPENDED, Registered, Registry


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


def test_without_a_file_the_settings_count() -> None:
    known = Organisations(IntakeSettings(roles={"zzg01": ("registration-service",)}))
    known.look_again()
    assert known.roles("zzg01") == ("registration-service",)
    assert known.roles("zzg02") == ()
    assert not known.is_suspended("zzg01")
