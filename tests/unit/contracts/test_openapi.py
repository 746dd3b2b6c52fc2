"""Every answer of a door is declared: what is not would be a surprise to a generated client."""

import pytest

from shared.contracts import discover
from shared.contracts.openapi import document
from shared.contracts.schemas import CONTRIBUTION, RECEIPT
from shared.ledger import Section

NAMED = {CONTRIBUTION: "careplan.contribution/1.0.json", RECEIPT: "careplan.receipt/1.0.json"}


@pytest.mark.parametrize("section", discover.sections(), ids=lambda section: section.name)
def test_a_repeat_and_a_batch_are_answered_200_as_the_contract_says(section: Section) -> None:
    answers = document(section.name, NAMED)["paths"]["/v1/contributions"]["post"]["responses"]
    assert answers.keys() == {"200", "201", "default"}
    first, batch = answers["200"]["content"]["application/json"]["schema"]["anyOf"]
    assert first == answers["201"]["content"]["application/json"]["schema"]
    assert batch["required"] == ["receipts"]
    receipt, problem = batch["properties"]["receipts"]["items"]["anyOf"]
    assert receipt == first
    assert problem == {"$ref": "#/components/schemas/Problem"}
