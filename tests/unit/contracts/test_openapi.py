"""What an address takes, and every answer of it, is declared: nobody reads our source for it."""

from functools import cache
from typing import Any

import pytest

from shared.contracts import discover
from shared.contracts.documents.openapi import document
from shared.contracts.schemas import CONTRIBUTION, RECEIPT, schemas
from shared.ledger import Section

NAMED = {CONTRIBUTION: "careplan.contribution/1.0.json", RECEIPT: "careplan.receipt/1.0.json"}
A_PAGE = {"limit", "cursor"}
A_READ = {"Ledger-Purpose", "Ledger-Reason"}


@cache
def document_of(service: str) -> Any:
    return document(service, NAMED)


@pytest.mark.parametrize("section", discover.sections(), ids=lambda section: section.name)
def test_a_repeat_and_a_batch_are_answered_200_as_the_contract_says(section: Section) -> None:
    answers = document_of(section.name)["paths"]["/v1/contributions"]["post"]["responses"]
    assert answers.keys() == {"200", "201", "default"}
    first, batch = answers["200"]["content"]["application/json"]["schema"]["anyOf"]
    assert first == answers["201"]["content"]["application/json"]["schema"]
    assert batch == {"$ref": "#/components/schemas/BatchAnswer"}


@pytest.mark.parametrize("section", discover.sections(), ids=lambda section: section.name)
def test_a_contribution_is_one_of_the_commands_with_its_own_content(section: Section) -> None:
    told = document_of(section.name)
    schemas_of = told["components"]["schemas"]
    post = told["paths"]["/v1/contributions"]["post"]
    one, batch = post["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    assert (one["$ref"], batch["$ref"]) == (
        "#/components/schemas/AnyContribution",
        "#/components/schemas/Batch",
    )
    mapping = schemas_of["AnyContribution"]["discriminator"]["mapping"]
    assert mapping.keys() == section.commands.keys()
    for type_ in section.commands:
        _, own = schemas_of[type_]["allOf"]
        assert own["properties"]["command"] == {"const": type_}
        content = schemas_of[f"{type_}.content"]
        assert content["additionalProperties"] is False
        assert content["properties"].keys() == section.commands[type_].parameters.keys()


@pytest.mark.parametrize(
    ("service", "path", "names"),
    [
        ("plan", "/v1/plans/{plan_id}", {"include", "Ledger-Min-Position", "Prefer", *A_READ}),
        ("plan", "/v1/plans/{plan_id}/entries/{entry_id}", {"Ledger-Min-Position", *A_READ}),
        ("plan", "/v1/plans/{plan_id}/versions/{version}", {"include", *A_READ}),
        ("plan", "/v1/plans/{plan_id}/versions", {*A_PAGE, *A_READ}),
        ("plan", "/v1/plans/{plan_id}/history", {*A_PAGE, *A_READ}),
        ("plan", "/v1/plans/{plan_id}/findings", {"code", "version", *A_READ}),
        ("audit", "/v1/audit/records", {"plan_id", "from", "to", "operation", *A_PAGE, *A_READ}),
    ],
)
def test_a_read_describes_what_may_be_asked(service: str, path: str, names: set[str]) -> None:
    parameters = document_of(service)["paths"][path]["get"]["parameters"]
    beside = {one["name"]: one for one in parameters if one["in"] != "path"}
    assert beside.keys() >= names
    assert all(one.get("description") for one in beside.values())


def test_a_contribution_describes_if_match() -> None:
    paths = document_of("goals")["paths"]
    for path in ("/v1/contributions", "/v1/contributions:validate"):
        assert paths[path]["post"]["parameters"][0]["name"] == "If-Match"


def test_every_field_of_a_contribution_has_its_words() -> None:
    for field in schemas([])[CONTRIBUTION]["properties"].values():
        assert field["title"]
        assert field["description"].endswith(".")
