"""Who contributes over Kafka: the organisation, and the user that its inbox belongs to."""

from types import SimpleNamespace
from typing import Any

import pytest

from services.goals.section import SECTION
from shared.chassis.contribute.prepare import contribution_from_json, prepare
from shared.chassis.kafka.commands import contributor_of
from shared.ledger import Organisation

IDS = "0199c0de-0000-7000-8000-0000000000"


@pytest.mark.parametrize(
    ("source", "user", "organisation"),
    [
        ("zzg01", "zzg01", Organisation(ods="ZZG01")),
        ("ZZG01", "zzg01", Organisation(ods="ZZG01")),
        ("x-friends", "x-friends", Organisation(local_id="x-friends")),
    ],
)
@pytest.mark.parametrize("system", [None, "Larkfield EPR"])
def test_a_system_without_a_name_goes_by_that_of_its_user(
    source: str, user: str, organisation: Organisation, system: str | None
) -> None:
    headers = [("ce_source", f"urn:careplan:org:{source}".encode())]
    record: Any = SimpleNamespace(headers=headers)
    contributor = contributor_of(record)
    assert (contributor.organisation, contributor.authentication.client_id) == (organisation, user)
    given = {
        "contribution_id": f"{IDS}0d",
        "plan_id": f"{IDS}0a",
        "command": "careplan.goals.commands.agree.v1",
        "content": {
            "aim": {"text": "Walk"},
            "need_ids": [{"section": "needs", "entry_id": f"{IDS}0c"}],
        },
        "provenance": {"stated_by": {"kind": "person"}, "system": system and {"name": system}},
    }
    recorded_by = prepare(
        SECTION, contribution_from_json(given), contributor
    ).provenance.recorded_by
    assert (recorded_by.name, recorded_by.organisation) == (system or user, organisation)
