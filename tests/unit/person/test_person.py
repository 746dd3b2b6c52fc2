from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from services.person.domain import (
    Address,
    Contact,
    GpPractice,
    NhsNumber,
    OtherIdentifier,
    Person,
    PersonName,
    Source,
)
from services.person.domain.rules import (
    CHI_CONNECTION,
    CONNECTIONS,
    DEMOGRAPHICS_SERVICE,
    HC_CONNECTION,
    PLAN_ENDING,
    PLAN_MERGING,
)
from services.person.section import SECTION
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.shapes import command_shape
from shared.ledger import (
    Code,
    CodedText,
    Email,
    Organisation,
    Phone,
    Refused,
    day_in_london,
    item_id,
)
from shared.ledger.codes.code_list import fills_of, with_terms
from shared.ledger.codes.demographics import (
    ETHNIC_CATEGORY,
    GENDER,
    MARITAL_STATUS,
    SEX,
)
from shared.testing.people import (
    DEMOGRAPHICS_CONNECTION,
    DR_QUILL,
    EDITH,
    PRIYA,
    RUTH,
    TOM,
    Professional,
    somebody,
)
from shared.testing.scenario import ENTRY, PLAN, Step, do, given, happened, replayed, said

NAME = PersonName("Edith Mary", "Marlow-Synth", preferred="Edie")
BORN = date(1938, 3, 14)
VERIFIED = NhsNumber("traced-and-verified", EDITH.nhs_number)
AS_CLAIMED = NhsNumber("present-not-verified", EDITH.nhs_number)
PDS = frozenset({DEMOGRAPHICS_SERVICE.name})
KEY = f"nhs-number:{EDITH.nhs_number}"
KEY_WITH_BIRTH = f"{KEY}+1938-03-14"
TRACED_AT = datetime(2026, 2, 3, 9, tzinfo=UTC)
SOURCE = Source("PDS", TRACED_AT)
LARKFIELD = GpPractice("ZZG01", "Larkfield Surgery (synthetic)")
CANAL_STREET = GpPractice("ZZG02", temporary=True)
FEMALE, MALE = (CodedText(code=Code(next(iter(GENDER.systems)), code)) for code in "21")
NO_REASON = NhsNumber("none-with-reason")
A_REASON = NhsNumber("none-with-reason", reason="Came from abroad last week")


def opened(**content: Any) -> Step:
    least = {"name": NAME, "date_of_birth": BORN, "source": SOURCE, "nhs_number": VERIFIED}
    return do(Person.open_plan, PRIYA, **{**least, **content})


def refreshed(traced_at: datetime = TRACED_AT + timedelta(days=1), **content: Any) -> Step:
    content = {"granted": PDS, **content}
    return do(Person.refresh_demographics, DEMOGRAPHICS_CONNECTION, traced_at=traced_at, **content)


ENDED = do(Person.end_plan, DR_QUILL, reason="Moved to another area")
REOPENED = do(Person.reopen_plan, DR_QUILL, reason="Came back")
OTHER_PLAN = somebody(7).plan_id


def other_plan(*later: Step) -> Person:
    """The Person of the plan that this one is merged into."""
    by = said(PRIYA, plan_id=OTHER_PLAN, entry_id=OTHER_PLAN)
    content = {"name": NAME, "date_of_birth": BORN, "source": SOURCE, "nhs_number": A_REASON}
    other: Any = do(Person.open_plan, by, **content).take(None)
    for step in later:
        other = step.take(other)
    return cast("Person", other)


def merging(**content: Any) -> Step:
    least = {
        "plan_id": OTHER_PLAN,
        "identifiers_checked": ("name", "date-of-birth"),
        "reason": "Opened twice",
        "read": other_plan(),
    }
    return do(Person.merge_into, DEMOGRAPHICS_CONNECTION, **{**least, **content})


MERGED = merging()
UNMERGED = do(Person.unmerge, DEMOGRAPHICS_CONNECTION, reason="Twins")


class TestOpenPlan:
    def test_with_everything(self) -> None:
        content = {
            "gender": FEMALE,
            "sex": CodedText("As observed"),
            "aliases": ("Edith Pell-Synth",),
            "ethnicity": CodedText(code=Code(next(iter(ETHNIC_CATEGORY.systems)), "A")),
            "religion": CodedText("Methodist"),
            "other_identifiers": (OtherIdentifier("local", "NM-004211", "ZZC01"),),
            "addresses": (Address("4 Sample Court", postcode="ZZ1 1AA"),),
            "contact": Contact(CodedText("By letter"), (Phone("01632 960101", "Home", 1),)),
            "country_of_birth": CodedText("Scotland"),
            "marital_status": CodedText("Widowed"),
            "gp_practices": (LARKFIELD,),
        }
        person = (
            given()
            .when(opened(**content))
            .then(
                happened(
                    Person.PlanOpened,
                    name=NAME,
                    date_of_birth=BORN,
                    nhs_number=AS_CLAIMED,
                    source=SOURCE,
                    plan_state="open",
                    **content,
                )
            )
        )
        assert person.unique_keys() == {KEY_WITH_BIRTH}

    def test_only_the_national_service_verifies_a_number(self) -> None:
        """The kind: something that only one service can know, claimed by somebody else."""
        by_pds: Any = given().when(opened(granted=PDS)).entry
        assert by_pds.nhs_number == VERIFIED
        assert by_pds.unique_keys() == {KEY, KEY_WITH_BIRTH}
        step = do(
            Person.correct_demographics, PRIYA, nhs_number=VERIFIED, reason="She showed her card"
        )
        corrected: Any = given(opened(nhs_number=A_REASON)).when(step).entry
        assert corrected.nhs_number == AS_CLAIMED

    @pytest.mark.parametrize("digit", "0123456789")
    def test_ten_times_the_same_digit_is_no_number(self, digit: str) -> None:
        number = NhsNumber("present-not-verified", digit * 10)
        given().when(opened(nhs_number=number)).refused("nhs-number-invalid", "nhs_number.value")

    @pytest.mark.parametrize(
        ("number", "right"),
        [
            (NhsNumber("present-not-verified"), "Give the number in `value`"),
            (NhsNumber("none-with-reason", EDITH.nhs_number, "New"), "Leave `value` out"),
            (NhsNumber("present-not-verified", "9994100018"), "a digit is wrong or missing"),
        ],
    )
    def test_a_number_that_is_missing_wrong_or_too_much_is_told_which_of_these(
        self, number: NhsNumber, right: str
    ) -> None:
        refusal = given().when(opened(nhs_number=number)).refusal
        assert refusal is not None
        assert right in refusal.detail

    def test_what_is_traced_later_than_now_would_shut_out_all_that_follows(self) -> None:
        """The kind: a time that a contributor gives, and that what comes later is measured by."""
        ahead = datetime.now(UTC) + timedelta(minutes=2)
        given().when(opened(source=Source("PDS", ahead))).refused(
            "traced-in-the-future", "source.traced_at"
        )
        given(opened()).when(refreshed(datetime(2099, 1, 1, tzinfo=UTC))).refused(
            "traced-in-the-future", "traced_at"
        )
        nearly_now = datetime.now(UTC) + timedelta(seconds=20)
        assert given(opened()).when(refreshed(nearly_now)).refusal is None

    @pytest.mark.parametrize(
        ("content", "code", "field"),
        [
            ({"name": PersonName("", "Marlow-Synth")}, "person-needs-a-name", "name"),
            ({"name": PersonName("Edith", " ")}, "person-needs-a-name", "name"),
            (
                {"nhs_number": NhsNumber("traced-and-verified", "9994100018")},
                "nhs-number-invalid",
                "nhs_number.value",
            ),
            ({"nhs_number": NhsNumber("traced-and-verified")}, "nhs-number-invalid", None),
            ({"nhs_number": NhsNumber("present-not-verified", "1")}, "nhs-number-invalid", None),
            (
                {"nhs_number": NhsNumber("none-with-reason", EDITH.nhs_number, "None")},
                "nhs-number-invalid",
                None,
            ),
            ({"nhs_number": None}, "person-needs-an-identifier", "nhs_number"),
            ({"nhs_number": NO_REASON}, "reason-missing", "nhs_number.reason"),
            *(
                ({field: CodedText(" ")}, "needs-code-or-text", field)
                for field in ("gender", "sex", "ethnicity", "religion", "country_of_birth")
            ),
            ({"marital_status": CodedText()}, "needs-code-or-text", "marital_status"),
            (
                {"addresses": (Address("1 A Road", kind=CodedText("")),)},
                "needs-code-or-text",
                "addresses.0",
            ),
            ({"contact": Contact(CodedText("\u200b"))}, "needs-code-or-text", "contact"),
            ({"aliases": ("Edie", "")}, "needs-code-or-text", "aliases.1"),
            ({"addresses": (Address(),)}, "needs-code-or-text", "addresses.0"),
            ({"contact": Contact(phones=(Phone(" "),))}, "needs-code-or-text", "contact"),
            ({"contact": Contact(emails=(Email(""),))}, "needs-code-or-text", "contact"),
            ({"gp_practices": (GpPractice(),)}, "needs-code-or-text", "gp_practices.0"),
        ],
    )
    def test_is_refused(self, content: dict[str, Any], code: str, field: str | None) -> None:
        given().when(opened(**content)).refused(code, field)

    def test_nobody_is_born_after_today(self) -> None:
        tomorrow = day_in_london(datetime.now(UTC)) + timedelta(days=1)
        given().when(opened(date_of_birth=tomorrow)).refused(
            "date-of-birth-in-the-future", "date_of_birth"
        )

    def test_nor_after_the_day_it_was_said(self) -> None:
        by = said(PRIYA, stated_at=datetime(2026, 2, 3, 23, 30, tzinfo=UTC))
        least = {"name": NAME, "source": SOURCE, "nhs_number": VERIFIED}
        born_then = do(Person.open_plan, by, date_of_birth=date(2026, 2, 3), **least)
        born_later = do(Person.open_plan, by, date_of_birth=date(2026, 2, 4), **least)
        assert given().when(born_then).refusal is None
        given().when(born_later).refused("date-of-birth-in-the-future")

    @pytest.mark.parametrize(
        ("said_at", "born"),
        [
            (datetime(2026, 7, 1, 23, 20, tzinfo=UTC), date(2026, 7, 2)),
            (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), date(2026, 3, 29)),
            (datetime(2026, 3, 28, 23, 30, tzinfo=UTC), date(2026, 3, 28)),
            (datetime(2026, 10, 24, 23, 30, tzinfo=UTC), date(2026, 10, 25)),
            (datetime(2026, 10, 25, 23, 30, tzinfo=UTC), date(2026, 10, 25)),
            (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), date(2026, 12, 31)),
        ],
    )
    def test_a_baby_is_born_on_the_day_that_it_is_in_london(
        self, said_at: datetime, born: date
    ) -> None:
        assert day_in_london(said_at) == born
        by = said(PRIYA, stated_at=said_at)
        least = {"name": NAME, "source": Source("other"), "nhs_number": VERIFIED}
        assert given().when(do(Person.open_plan, by, date_of_birth=born, **least)).refusal is None
        later = do(Person.open_plan, by, date_of_birth=born + timedelta(days=1), **least)
        given().when(later).refused("date-of-birth-in-the-future")

    @pytest.mark.parametrize(
        ("content", "keys"),
        [
            ({"nhs_number": A_REASON}, set()),
            ({"nhs_number": AS_CLAIMED}, {KEY_WITH_BIRTH}),
            (
                {"nhs_number": None, "other_identifiers": (OtherIdentifier("chi", "1403380007"),)},
                {"chi:1403380007+1938-03-14"},
            ),
            (
                {"nhs_number": None, "other_identifiers": (OtherIdentifier("local", "NM-1"),)},
                set(),
            ),
        ],
    )
    def test_a_number_that_is_not_verified_keeps_out_only_the_same_birth(
        self, content: dict[str, Any], keys: set[str]
    ) -> None:
        person = given().when(opened(**content)).entry
        assert person is not None
        assert person.unique_keys() == keys

    def test_the_persons_entry_has_the_plans_id(self) -> None:
        assert Person.fixed_id(PLAN) == PLAN


class TestRefreshDemographics:
    def test_says_what_changed_and_where_from(self) -> None:
        later = TRACED_AT + timedelta(days=1)
        given(opened()).when(refreshed(gender=None, marital_status=CodedText("Widowed"))).then(
            happened(
                Person.DemographicsRefreshed,
                gender=None,
                marital_status=CodedText("Widowed"),
                source=Source("PDS", later),
            )
        )

    def test_is_refused_where_something_newer_is_held(self) -> None:
        given(opened()).when(refreshed(TRACED_AT - timedelta(seconds=1))).refused(
            "demographics-older-than-held", "traced_at"
        )
        given(opened(), refreshed()).when(refreshed(TRACED_AT)).refused(
            "demographics-older-than-held"
        )

    def test_may_come_first_where_nothing_was_traced(self) -> None:
        step = refreshed(datetime(2020, 1, 1, tzinfo=UTC), gender=FEMALE)
        assert given(opened(source=Source("other"))).when(step).refusal is None

    def test_is_judged_like_what_was_said_at_the_opening(self) -> None:
        given(opened()).when(refreshed(name=PersonName("", ""))).refused("person-needs-a-name")
        given(opened()).when(refreshed(date_of_birth=date(9999, 1, 1))).refused(
            "date-of-birth-in-the-future"
        )
        given(opened()).when(refreshed(nhs_number=None)).refused("person-needs-an-identifier")
        given(opened()).when(refreshed(nhs_number=NhsNumber("traced-and-verified", "1"))).refused(
            "nhs-number-invalid"
        )

    def test_that_verifies_a_number_keeps_other_plans_out(self) -> None:
        person = given(opened(nhs_number=A_REASON)).when(refreshed(nhs_number=VERIFIED)).entry
        assert person is not None
        assert person.unique_keys() == {KEY, KEY_WITH_BIRTH}

    def test_with_another_number_gives_the_first_back(self) -> None:
        other = somebody(1).nhs_number
        step = refreshed(nhs_number=NhsNumber("traced-and-verified", other))
        person = given(opened()).when(step).entry
        assert person is not None
        assert person.unique_keys() == {
            f"nhs-number:{other}",
            f"nhs-number:{other}+1938-03-14",
        }


class TestCorrectDemographics:
    def test_by_whom_it_came_from(self) -> None:
        step = do(Person.correct_demographics, DR_QUILL, gender=MALE, reason="Mistyped")
        given(opened(gender=FEMALE)).when(step).then(
            happened(Person.DemographicsCorrected, gender=MALE, reason="Mistyped")
        )

    def test_by_another_organisation_is_refused(self) -> None:
        step = do(Person.correct_demographics, TOM, gender=MALE, reason="Mistyped")
        given(opened()).when(step).refused("correction-belongs-to-the-origin", "gender")

    def test_follows_whoever_said_it_last(self) -> None:
        by_the_practice = do(Person.correct_demographics, PRIYA, gender=MALE, reason="Mistyped")
        by_the_service = do(
            Person.correct_demographics, DEMOGRAPHICS_CONNECTION, gender=MALE, reason="Mistyped"
        )
        history = given(opened(), refreshed(gender=FEMALE))
        history.when(by_the_practice).refused("correction-belongs-to-the-origin", "gender")
        assert history.when(by_the_service).refusal is None

    def test_of_several_is_refused_where_one_is_anothers(self) -> None:
        step = do(
            Person.correct_demographics, PRIYA, name=NAME, gender=MALE, reason="Both mistyped"
        )
        given(opened(), refreshed(gender=FEMALE)).when(step).refused(
            "correction-belongs-to-the-origin", "gender"
        )

    def test_says_why(self) -> None:
        given(opened()).when(do(Person.correct_demographics, PRIYA, gender=MALE)).refused(
            "reason-missing", "reason"
        )


CLERK = Professional("Pat Desk-Synth", "practice-manager", Organisation("ZZG02", "Canal Street"))
REGISTERED = do(Person.register_with_practice, CLERK, practice=CANAL_STREET)


def as_item_of(step: Step) -> GpPractice:
    """The practice of that contribution, as the item of a list that it becomes."""
    return replace(CANAL_STREET, item_id=item_id(step.by.contribution_id, "gp_practices/0"))


class TestPractices:
    def test_a_practice_registers_the_person(self) -> None:
        given(opened(gp_practices=(LARKFIELD,))).when(REGISTERED).then(
            happened(
                Person.RegisteredWithPractice, gp_practices=(LARKFIELD, as_item_of(REGISTERED))
            )
        )

    @pytest.mark.parametrize("by", [PRIYA, said(PRIYA, recorded_by=DEMOGRAPHICS_CONNECTION)])
    def test_another_organisation_does_not(self, by: Any) -> None:
        step = do(Person.register_with_practice, by, practice=CANAL_STREET)
        given(opened()).when(step).refused("role-may-not-contribute")

    def test_the_national_service_does(self) -> None:
        step = do(
            Person.register_with_practice,
            DEMOGRAPHICS_CONNECTION,
            practice=CANAL_STREET,
            granted=PDS,
        )
        given(opened()).when(step).then(
            happened(Person.RegisteredWithPractice, gp_practices=(as_item_of(step),))
        )

    def test_a_practice_needs_a_code(self) -> None:
        step = do(Person.register_with_practice, CLERK, practice=GpPractice(details="By the canal"))
        given(opened()).when(step).refused("practice-needs-a-code", "practice.ods")

    def test_nobody_registers_twice(self) -> None:
        given(opened(), REGISTERED).when(REGISTERED).refused("already-registered-there")

    def test_practices_come_from_refreshed_demographics_too(self) -> None:
        given(opened(), refreshed(gp_practices=(CANAL_STREET,))).when(REGISTERED).refused(
            "already-registered-there"
        )
        given(opened(), REGISTERED, refreshed(gp_practices=None)).when(
            do(Person.leave_practice, CLERK, ods="ZZG02")
        ).refused("not-registered-there")

    def test_the_person_leaves_a_practice(self) -> None:
        history = given(opened(gp_practices=(LARKFIELD,)), REGISTERED)
        history.when(do(Person.leave_practice, CLERK, ods="ZZG02")).then(
            happened(Person.LeftPractice, gp_practices=(LARKFIELD,))
        )
        history.when(do(Person.leave_practice, PRIYA, ods="ZZG02")).refused(
            "role-may-not-contribute"
        )

    def test_nobody_leaves_where_they_are_not(self) -> None:
        given(opened()).when(do(Person.leave_practice, CLERK, ods="ZZG02")).refused(
            "not-registered-there", "ods"
        )


class TestTheEndOfAPlan:
    def test_gives_the_number_back(self) -> None:
        ended_at = datetime(2026, 10, 1, tzinfo=UTC)
        step = do(Person.end_plan, DR_QUILL, reason="Moved", ended_at=ended_at)
        person = (
            given(opened())
            .when(step)
            .then(happened(Person.PlanEnded, plan_state="ended", reason="Moved", ended_at=ended_at))
        )
        assert person.unique_keys() == frozenset()

    def test_reopening_takes_it_again(self) -> None:
        person = (
            given(opened(), ENDED)
            .when(REOPENED)
            .then(happened(Person.PlanReopened, plan_state="open", reason="Came back"))
        )
        assert person.unique_keys() == {KEY_WITH_BIRTH}

    def test_happens_once_and_for_a_reason(self) -> None:
        given(opened(), ENDED).when(ENDED).refused("plan-already-ended")
        given(opened()).when(REOPENED).refused("plan-not-ended")
        given(opened()).when(do(Person.end_plan, DR_QUILL)).refused("reason-missing")
        ahead = datetime.now(UTC) + timedelta(minutes=2)
        later = do(Person.end_plan, DR_QUILL, reason="Moved", ended_at=ahead)
        given(opened()).when(later).refused("ended-in-the-future", "ended_at")
        given(opened(), ENDED).when(do(Person.reopen_plan, DR_QUILL)).refused("reason-missing")

    def test_leaves_demographics_to_be_kept_up(self) -> None:
        person = given(opened(), ENDED).when(refreshed(nhs_number=VERIFIED)).entry
        assert person is not None
        assert person.unique_keys() == frozenset()

    def test_says_of_the_entry_only_that_it_has_ended(self) -> None:
        assert Person.PlanEnded.not_fields == {"reason", "ended_at"}

    def test_a_plan_opened_in_error_keeps_nobody_out(self) -> None:
        step = do(Person.mark_in_error, PRIYA, reason="The wrong person")
        person = given(opened()).when(step).entry
        assert person is not None
        assert person.unique_keys() == frozenset()


@for_all(st.lists(st.sampled_from([ENDED, REOPENED, refreshed(gender=FEMALE)]), max_size=10))
def test_a_number_is_held_exactly_while_the_plan_is_open(steps: list[Step]) -> None:
    person: Any = opened().take(None)
    is_open = True
    for step in steps:
        opens = {"end_plan": False, "reopen_plan": True}.get(step.method.__name__)
        if opens is is_open:
            with pytest.raises(Refused, match=r"plan-already-ended|plan-not-ended"):
                step.take(person)
        else:
            step.take(person)
            is_open = is_open if opens is None else opens
        assert (person.unique_keys() == {KEY_WITH_BIRTH}) == is_open
    again = replayed(person.pending_events)
    assert again.unique_keys() == person.unique_keys()
    assert again.id == ENTRY


def test_who_may_use_which_command() -> None:
    who = {command.method: command.who for command in SECTION.commands.values()}
    assert who["open_plan"] == ("professional",)
    assert who["refresh_demographics"] == CONNECTIONS
    assert who["merge_into"] == who["unmerge"] == (PLAN_MERGING,)
    assert who["end_plan"] == who["reopen_plan"] == (PLAN_ENDING,)
    assert not any(RUTH.agent.kind in rules for rules in who.values())


class TestItemsOfSeveralOrigins:
    """The kind: a list corrected whole by the origin of one item takes away those of others."""

    OWN = replace(LARKFIELD, item_id=uuid4())
    OPENED = opened(gp_practices=(OWN,))

    def corrected(self, *practices: GpPractice, by: Any = PRIYA) -> Step:
        return do(
            Person.correct_demographics, by, gp_practices=practices or None, reason="Mistyped"
        )

    def test_the_opener_does_not_erase_a_practice_that_registered_itself(self) -> None:
        hers = replace(self.OWN, gp_name="Dr A. Quill-Synth")
        theirs = as_item_of(REGISTERED)
        given(self.OPENED, REGISTERED).when(self.corrected(hers)).then(
            happened(Person.DemographicsCorrected, gp_practices=(theirs, hers), reason="Mistyped")
        )
        given(self.OPENED, REGISTERED).when(self.corrected()).then(
            happened(Person.DemographicsCorrected, gp_practices=(theirs,), reason="Mistyped")
        )

    def test_nor_changes_what_it_said_of_itself(self) -> None:
        changed = replace(as_item_of(REGISTERED), temporary=False)
        given(self.OPENED, REGISTERED).when(self.corrected(self.OWN, changed)).refused(
            "correction-belongs-to-the-origin", "gp_practices"
        )

    def test_the_practice_corrects_its_own(self) -> None:
        changed = replace(as_item_of(REGISTERED), temporary=False)
        given(self.OPENED, REGISTERED).when(self.corrected(changed, by=CLERK)).then(
            happened(
                Person.DemographicsCorrected,
                gp_practices=(self.OWN, changed),
                reason="Mistyped",
            )
        )


def test_a_plan_that_was_merged_is_not_reopened() -> None:
    given(opened(), MERGED).when(REOPENED).refused("plan-not-ended")


class TestMerging:
    def test_says_where_the_plan_goes_on_and_gives_its_numbers_back(self) -> None:
        person = (
            given(opened())
            .when(MERGED)
            .then(
                happened(
                    Person.PlanMerged,
                    plan_state="merged",
                    merged_into=OTHER_PLAN,
                    identifiers_checked=("name", "date-of-birth"),
                    reason="Opened twice",
                )
            )
        )
        assert person.unique_keys() == frozenset()
        assert Person.PlanMerged.not_fields == {"reason", "identifiers_checked"}

    def test_is_taken_back(self) -> None:
        person = (
            given(opened(), MERGED)
            .when(UNMERGED)
            .then(
                happened(Person.PlanUnmerged, plan_state="open", merged_into=None, reason="Twins")
            )
        )
        assert person.unique_keys() == {KEY_WITH_BIRTH}

    def test_of_an_ended_plan_as_well(self) -> None:
        assert given(opened(), ENDED).when(MERGED).refusal is None

    @pytest.mark.parametrize(
        ("content", "code", "field"),
        [
            ({"plan_id": ENTRY}, "plan-cannot-merge-into-itself", "plan_id"),
            ({"identifiers_checked": ()}, "merge-needs-two-identifiers", "identifiers_checked"),
            ({"identifiers_checked": ("name", " Name")}, "merge-needs-two-identifiers", None),
            ({"reason": None}, "reason-missing", "reason"),
            ({"read": None}, "merge-target-not-open", "plan_id"),
            ({"read": other_plan(ENDED)}, "merge-target-not-open", "plan_id"),
            (
                {"read": other_plan(merging(plan_id=ENTRY, read=opened().take(None)))},
                "merge-target-not-open",
                "plan_id",
            ),
            (
                {"read": other_plan(do(Person.mark_in_error, PRIYA, reason="Wrong person"))},
                "merge-target-not-open",
                "plan_id",
            ),
        ],
    )
    def test_is_refused(self, content: dict[str, Any], code: str, field: str | None) -> None:
        given(opened()).when(merging(**content)).refused(code, field)

    def test_happens_once_and_is_taken_back_once(self) -> None:
        given(opened(), MERGED).when(MERGED).refused("plan-already-merged")
        given(opened(), MERGED).when(ENDED).refused("plan-already-ended")
        given(opened()).when(UNMERGED).refused("plan-not-merged")
        given(opened(), MERGED, UNMERGED).when(UNMERGED).refused("plan-not-merged")
        without = do(Person.unmerge, DEMOGRAPHICS_CONNECTION)
        given(opened(), MERGED).when(without).refused("reason-missing")


class TestWhoVerifiesANumber:
    """The kind: what only the service of one scheme can know, said by another one."""

    CHI = OtherIdentifier("chi", "1403380007", verification="traced-and-verified")
    HC = OtherIdentifier("hc-number", "9994100017", verification="traced-and-verified")
    LOCAL = OtherIdentifier("local", "NM-1", verification="traced-and-verified")

    @pytest.mark.parametrize(
        ("granted", "verified"),
        [
            (frozenset(), set()),
            (PDS, {"nhs-number"}),
            (frozenset({HC_CONNECTION.name}), {"hc-number"}),
            (frozenset({CHI_CONNECTION.name}), {"chi"}),
        ],
    )
    def test_is_whoever_traces_that_kind(self, granted: frozenset[str], verified: set[str]) -> None:
        numbers: dict[str, Any] = {
            "nhs_number": VERIFIED,
            "other_identifiers": (self.CHI, self.HC, self.LOCAL),
        }
        for step in (opened(**numbers, granted=granted), refreshed(**numbers, granted=granted)):
            person: Any = given(*([] if step.method is not refreshed().method else [opened()]))
            entry: Any = person.when(step).entry
            assert {kind for kind, _ in entry.verified} == verified
            alone = {key.partition(":")[0] for key in entry.unique_keys() if "+" not in key}
            assert alone == verified

    def test_and_it_stays_verified_when_another_says_it_again(self) -> None:
        by_chi = refreshed(other_identifiers=(self.CHI,), granted=frozenset({CHI_CONNECTION.name}))
        by_pds = refreshed(
            TRACED_AT + timedelta(days=2),
            other_identifiers=(self.CHI, self.HC),
            nhs_number=VERIFIED,
        )
        person: Any = given(opened(), by_chi).when(by_pds).entry
        assert person.verified == {("chi", "1403380007"), ("nhs-number", EDITH.nhs_number)}

    def test_only_pds_is_named_as_where_it_comes_from(self) -> None:
        by_hc = refreshed(gender=MALE, granted=frozenset({HC_CONNECTION.name}))
        later = TRACED_AT + timedelta(days=1)
        given(opened()).when(by_hc).then(
            happened(Person.DemographicsRefreshed, gender=MALE, source=Source("other", later))
        )


class TestOpenedAgain:
    OPEN = SECTION.commands["careplan.person.commands.open-plan.v1"]

    def again(self, *steps: Step, **content: Any) -> Any:
        before: Any = opened().take(None)
        for step in steps:
            step.take(before)
        do(Person.mark_in_error, PRIYA, reason="Wrong plan").take(before)
        least = {"name": NAME, "date_of_birth": BORN, "source": SOURCE, "nhs_number": VERIFIED}
        arguments = {**least, **content}
        return self.OPEN.create(said(PRIYA, entry_id=ENTRY), frozenset(), arguments, None, before)

    def test_for_the_same_person(self) -> None:
        person = self.again(name=PersonName("Edith", "Marlow-Synth"))
        assert (person.version, person.is_in_error, person.plan_state) == (3, False, "open")
        assert person.unique_keys() == {KEY_WITH_BIRTH}

    def test_leads_nowhere_though_it_was_merged_before_the_error(self) -> None:
        """The kind: what was said before an error, and still counts after it."""
        person = self.again(MERGED)
        assert (person.version, person.is_open) == (4, True)
        assert Person.PlanMerged in person.PlanOpened.beside, "its leaf is taken away with the rest"

    @pytest.mark.parametrize(
        "content",
        [{"date_of_birth": date(1938, 3, 15)}, {"nhs_number": A_REASON}],
    )
    def test_for_nobody_else(self, content: dict[str, Any]) -> None:
        with pytest.raises(Refused, match="opened-for-somebody-else"):
            self.again(**content)


def test_a_code_never_stands_there_without_its_words() -> None:
    """The kind: a bare code of a list, which says nothing to whoever reads it."""
    held = {
        "gender": ("2", "Female"),
        "sex": ("9", "Indeterminate (cannot be classed as male or female)"),
        "ethnicity": ("M", "Black or Black British: Caribbean"),
        "marital_status": ("W", "Widowed, or surviving civil partner"),
    }
    lists = {"gender": GENDER, "sex": SEX, "ethnicity": ETHNIC_CATEGORY}
    content: dict[str, Any] = {
        "name": {"first": "Edith", "family": "Marlow-Synth"},
        "date_of_birth": "1938-03-14",
        "source": {"system": "other"},
        **{
            field: {
                "code": {
                    "system": next(iter(lists.get(field, MARITAL_STATUS).systems)),
                    "code": code,
                }
            }
            for field, (code, _) in held.items()
        },
    }
    read = command_shape(TestOpenedAgain.OPEN).read(content)
    declared = {name: one.annotation for name, one in TestOpenedAgain.OPEN.parameters.items()}
    kept = with_terms(read, fills_of(declared))
    words = {field: kept[field].code.display for field in held}
    assert words == {field: term for field, (_, term) in held.items()}


def test_a_code_alone_is_no_content() -> None:
    content = {
        "name": {"first": "Edith", "family": "Marlow-Synth"},
        "date_of_birth": "1938-03-14",
        "source": {"system": "other"},
        "gender": "2",
    }
    with pytest.raises(Problem) as caught:
        command_shape(TestOpenedAgain.OPEN).read(content)
    assert caught.value.errors[0]["pointer"] == "/content/gender"
