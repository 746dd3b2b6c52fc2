"""The file of organisations is changed, and acted on, by one at a time."""

from pathlib import Path
from threading import Event, Thread

from shared.broker.registry import SUSPENDED, Registered, Registry

_LONG_ENOUGH = 30.0


def test_whoever_acts_waits_for_another_who_does(tmp_path: Path) -> None:
    path = tmp_path / "organisations.json"
    begun, done = Event(), Event()

    def another() -> None:
        begun.set()
        with Registry(path).one_act():
            done.set()

    waiting = Thread(target=another, daemon=True)
    with Registry(path).one_act():
        Registry(path).put(Registered("ZZG01", "Larkfield"))  # which needs no leave of its own
        waiting.start()
        assert begun.wait(_LONG_ENOUGH)
        assert not done.wait(0.2)
    assert done.wait(_LONG_ENOUGH)
    waiting.join(_LONG_ENOUGH)


def test_what_is_written_down_stays_where_it_is_declared_again(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "organisations.json")
    cut_off = Registered("ZZG01", "Larkfield", ("registration-service",), state=SUSPENDED)
    registry.put(cut_off)
    registry.put_new(Registered("ZZG01", "Larkfield"), Registered("x-harbour-homes", "Harbour"))
    assert registry.all() == {
        "x-harbour-homes": Registered("x-harbour-homes", "Harbour"),
        "zzg01": cut_off,
    }
