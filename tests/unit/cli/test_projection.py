"""`careplan projection rebuild`, as somebody types it wrongly."""

import pytest
from typer.testing import CliRunner

from shared.cli.services.projection import app


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
