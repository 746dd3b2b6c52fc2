"""What is shown in an emergency is declared, and marked in the contracts of events."""

from shared.contracts.discover import sections
from shared.contracts.schemas import schemas
from shared.ledger import InAnEmergency
from shared.standard.declared import shown_in_an_emergency


def test_fields_are_shown_by_their_path_and_all_where_none_is_named() -> None:
    some = InAnEmergency(("name", "responses.how"))
    assert all(map(some.shows, ("name", "name.first", "responses.how", "responses.how.media")))
    assert not any(map(some.shows, ("names", "responses", "responses.what", "sex")))
    assert InAnEmergency().shows("whatever")


def test_an_entry_counts_by_the_values_of_its_fields() -> None:
    key_worker = InAnEmergency(where={"key_worker": (True,)})
    assert key_worker.is_about({"key_worker": True})
    assert not key_worker.is_about({})
    documents = shown_in_an_emergency()["stewardship", "linked-document"]
    assert documents.is_about({"kind": "respect"})
    assert not documents.is_about({"kind": "risk-summary"})


def test_an_entry_counts_by_the_labels_that_it_bears() -> None:
    need = shown_in_an_emergency()["needs", "need"]
    assert need.is_about({"what": {"text": "Has set fires"}}, ("mental-health", "risk"))
    assert not need.is_about({"what": {"text": "Sleeps badly"}}, ("mental-health",))
    assert not need.is_about({"what": {"text": "Sleeps badly"}})


def test_what_was_dangerous_stays_and_what_only_helped_does_not() -> None:
    stays = {kind for kind, one in shown_in_an_emergency().items() if one.stays}
    assert stays == {("needs", "need"), ("contingency-plans", "contingency-plan")}


def test_the_contracts_mark_what_is_shown() -> None:
    marked_here = ("person", "about_me", "contingency_plans", "goals")
    made = schemas(one for one in sections() if one.name in marked_here)
    opened = made["careplan.person.plan-opened.v1"]["properties"]
    marked = {name for name, one in opened.items() if one.get("x-emergency")}
    assert marked == {"name", "date_of_birth", "nhs_number", "contact"}
    headings = made["careplan.about-me.begun.v1"]["properties"]["responses"]
    words = headings["propertyNames"]["x-values"]
    assert {name for name, one in words.items() if one.get("x-emergency")} == {
        *("what_is_most_important", "how_i_communicate", "please_do_and_please_dont")
    }
    prepared = made["careplan.contingency-plans.prepared.v1"]
    unmarked = {n for n, one in prepared["properties"].items() if not one.get("x-emergency")}
    assert unmarked <= {"visibility"}
    assert "x-emergency" not in str(made["careplan.goals.agreed.v1"])
