"""The example plan as data: who said what, in which order, under ids that never change."""

from deploy.local.example.plan import PLAN_ID, STEPS, entry_id
from deploy.organisations import organisations


def test_the_steps_are_in_order_and_of_listed_organisations() -> None:
    assert [step.number for step in STEPS] == list(range(1, 8))
    assert [step.stated_at for step in STEPS] == sorted(step.stated_at for step in STEPS)
    listed = {organisation.code for organisation in organisations()}
    assert {step.by.org for step in STEPS if step.by.org} == listed


def test_an_entry_is_created_once_and_before_it_changes() -> None:
    known: set[str] = set()
    for said in (said for step in STEPS for said in step.contributions):
        assert said.creates == (said.entry not in known), said
        known.add(said.entry)


def test_ids_are_fixed_and_each_contribution_has_its_own() -> None:
    ids = [step.contribution_id(said) for step in STEPS for said in step.contributions]
    assert len(set(ids)) == len(ids)
    assert PLAN_ID == entry_id("person") == "3ae6ef81-5ace-5780-905e-b4f26c5d67dc"


def test_the_persons_own_words_come_by_herself() -> None:
    by_herself = [step for step in STEPS if not step.by.org]
    assert [said.command for step in by_herself for said in step.contributions] == ["begin"]
