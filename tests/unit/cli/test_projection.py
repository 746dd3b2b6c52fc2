"""`careplan projection rebuild`, as somebody types it wrongly."""

from types import SimpleNamespace

import asyncpg
import pytest
from typer.testing import CliRunner

from services.plan import rebuild as rebuilding
from shared.cli.services.projection import _Progress, app


def test_no_part_of_an_address_that_cannot_be_read_is_repeated() -> None:
    address = "postgresql://owner:half/otherhalf@127.0.0.1/careplan_plan"
    answer = CliRunner().invoke(app, ["rebuild"], env={"CAREPLAN_DATABASE_URL": address})
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "(it is no address)" in answer.stderr
    assert "half" not in answer.output


@pytest.mark.parametrize("address", ["http://127.0.0.1/plan", "plan"])
def test_an_address_of_something_else_is_told_why(address: str) -> None:
    answer = CliRunner().invoke(app, ["rebuild", "--database-url", address])
    assert answer.exit_code == 2
    assert "scheme" in answer.stderr


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> None:
    async def closed(**_: object) -> None:
        return

    async def connect(*_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(close=closed)

    monkeypatch.setattr(asyncpg, "connect", connect)


@pytest.mark.usefixtures("connected")
def test_what_fails_while_it_is_made_is_not_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ValueError("a plan that nobody foresaw")

    monkeypatch.setattr(rebuilding, "rebuild", fail)
    answer = CliRunner().invoke(app, ["rebuild", "--database-url", "postgresql://127.0.0.1/x"])
    assert isinstance(answer.exception, ValueError)
    assert "--database-url" not in answer.output


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize(
    ("is_switched", "said"),
    [
        (False, "nothing is switched."),
        (True, "readers have the new model already."),
        (None, "whether readers have the new model already is not known."),
    ],
)
def test_whoever_interrupts_it_is_told_what_readers_have(
    monkeypatch: pytest.MonkeyPatch, said: str, *, is_switched: bool | None
) -> None:
    async def interrupted(*_: object, tell: _Progress, **__: object) -> None:
        report = rebuilding.Rebuild("projection_v1", "projection_v2")
        tell(report)
        report.is_switched = is_switched
        raise KeyboardInterrupt

    monkeypatch.setattr(rebuilding, "rebuild", interrupted)
    answer = CliRunner().invoke(app, ["rebuild", "--database-url", "postgresql://127.0.0.1/x"])
    assert answer.exit_code == 130
    assert f"interrupted; {said}" in answer.stderr
