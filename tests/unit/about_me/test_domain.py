from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4, uuid5

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from pydantic import TypeAdapter

from services.about_me.domain import AboutMe, Heading, Response
from shared.ledger import Code, Media, Refused, Supporter
from shared.ledger.words import VALUES
from shared.testing.people import EDITH, RUTH, TOM
from shared.testing.scenario import PLAN, Step, acting, do, given, happened, replayed, said

CAT = Response("Staying in my flat with my cat Bramble")
HEARING = Response("Hearing aid in left ear, sit on that side")
RESPONSES = {"what_is_most_important": CAT, "how_i_communicate": HEARING}
FILM = Media(uuid4(), "how-i-say-yes-and-no", "video/mp4", sha256="0" * 64)
PICTURE = Media(uuid4(), "my-cat", "image/jpeg", sha256="1" * 64)
SUPPORTER = RUTH.supporter("Ruth read the questions aloud")
TOLD_TO_TOM = said(EDITH, recorded_by=TOM, supported_by=SUPPORTER)

BEGUN = do(AboutMe.begin, EDITH, responses=RESPONSES)
WITH_FILM = do(AboutMe.add_media, EDITH, heading="how_i_communicate", media=FILM)
SET_ASIDE = do(AboutMe.set_aside, EDITH, reason="I want to start anew")


def test_a_plan_has_one() -> None:
    assert AboutMe.fixed_id(PLAN) == uuid5(PLAN, "about-me")
    assert AboutMe.already_exists.code == "about-me-already-begun"


def test_every_heading_says_what_belongs_under_it() -> None:
    """The kind: two headings that sound alike, so that the words end up under the wrong one."""
    words = TypeAdapter(Heading).json_schema()[VALUES]
    assert len(words) == 7
    assert len({one["title"] for one in words.values()}) == 7
    assert len({one["description"] for one in words.values()}) == 7
    assert all(len(one["description"].split()) >= 10 for one in words.values())


class TestWhoseWordsTheyAre:
    def test_the_person_begins_alone(self) -> None:
        given().when(BEGUN).then(happened(AboutMe.Begun, responses=RESPONSES))

    @pytest.mark.parametrize(
        "by",
        [
            said(EDITH, recorded_by=TOM),
            said(EDITH, recorded_by=RUTH),
            acting(RUTH, EDITH),
            acting(RUTH, EDITH, recorded_by=TOM),
        ],
        ids=["to a professional", "to a daughter", "by a proxy", "by a proxy to a professional"],
    )
    def test_whoever_else_records_it_names_the_supporter_each_time(self, by: Any) -> None:
        """The kind: somebody is shown as the supporter of words that they did not support."""
        supported = replace(by, supported_by=SUPPORTER)
        for method, event, content in (
            (AboutMe.reword, AboutMe.Reworded, {"responses": RESPONSES}),
            (AboutMe.confirm, AboutMe.Confirmed, {}),
            (AboutMe.set_aside, AboutMe.SetAside, {"reason": "Not now"}),
        ):
            given(BEGUN).when(do(method, supported, **content)).then(happened(event, **content))
            for nobody in (None, Supporter(), Supporter(name="\u200b", relationship="daughter")):
                unsupported = replace(by, supported_by=nobody)
                given(BEGUN).when(do(method, unsupported, **content)).refused(
                    "supporter-missing", "provenance.supported_by"
                )

    def test_who_speaks_on_her_behalf_says_how(self) -> None:
        named = replace(acting(RUTH, EDITH), supported_by=Supporter(name="Ruth Marlow-Synth"))
        given().when(do(AboutMe.begin, named, responses=RESPONSES)).refused("supporter-missing")
        by_a_nurse = said(EDITH, recorded_by=TOM, supported_by=Supporter(name="Tom"))
        given().when(do(AboutMe.begin, by_a_nurse, responses=RESPONSES)).then(
            happened(AboutMe.Begun, responses=RESPONSES)
        )

    @pytest.mark.parametrize("by", [TOM, RUTH, said(TOM, recorded_by=EDITH)])
    @pytest.mark.parametrize(
        ("method", "content"),
        [
            (AboutMe.reword, {"responses": RESPONSES}),
            (AboutMe.clear, {"heading": "how_i_communicate", "reason": "Wrong"}),
            (AboutMe.add_media, {"heading": "my_wellness", "media": FILM}),
            (AboutMe.remove_media, {"media_id": FILM.media_id, "reason": "Wrong"}),
            (AboutMe.confirm, {}),
            (AboutMe.set_aside, {"reason": "Wrong"}),
        ],
    )
    def test_nobody_else_says_anything(self, by: Any, method: Any, content: Any) -> None:
        given(BEGUN).when(do(method, by, **content)).refused(
            "only-the-person-writes-about-me", "provenance.stated_by"
        )

    def test_nobody_else_begins_or_resumes(self) -> None:
        supported = replace(said(TOM), supported_by=SUPPORTER)
        given().when(do(AboutMe.begin, supported, responses=RESPONSES)).refused(
            "only-the-person-writes-about-me"
        )
        given(BEGUN, SET_ASIDE).when(do(AboutMe.resume, TOM)).refused(
            "only-the-person-writes-about-me"
        )


@pytest.mark.parametrize(
    ("responses", "field"),
    [
        ({}, "responses"),
        ({"my_wellness": Response()}, "responses.my_wellness"),
        ({**RESPONSES, "my_wellness": Response(" ")}, "responses.my_wellness"),
    ],
)
def test_nothing_written_is_refused(responses: dict[Any, Response], field: str) -> None:
    given().when(do(AboutMe.begin, EDITH, responses=responses)).refused("nothing-written", field)
    given(BEGUN).when(do(AboutMe.reword, EDITH, responses=responses)).refused(
        "nothing-written", field
    )


def test_a_code_or_a_picture_alone_says_something() -> None:
    coded = Response(code=Code("http://snomed.info/sct", "1515891000000109"))
    shown = Response(media=(PICTURE,))
    for response in (coded, shown):
        responses = {"my_wellness": response}
        given().when(do(AboutMe.begin, EDITH, responses=responses)).then(
            happened(AboutMe.Begun, responses=responses)
        )


class TestReword:
    def test_says_only_the_headings_named(self) -> None:
        responses = {"my_wellness": Response("Good day: shops with frame")}
        about_me: Any = (
            given(BEGUN)
            .when(do(AboutMe.reword, EDITH, responses=responses))
            .then(happened(AboutMe.Reworded, responses=responses))
        )
        assert about_me.responses == {**RESPONSES, **responses}

    def test_says_a_heading_whole(self) -> None:
        about_me: Any = (
            given(BEGUN, WITH_FILM)
            .when(do(AboutMe.reword, EDITH, responses={"how_i_communicate": HEARING}))
            .entry
        )
        assert about_me.responses["how_i_communicate"] == HEARING

    def test_alone_leaves_no_supporter_standing_beside_her_words(self) -> None:
        reworded: dict[str, Any] = {"responses": {"my_wellness": CAT}}
        about_me = (
            given(do(AboutMe.begin, TOLD_TO_TOM, responses=RESPONSES))
            .when(do(AboutMe.reword, EDITH, **reworded))
            .then(happened(AboutMe.Reworded, **reworded))
        )
        events: Any = about_me.pending_events
        first, second = events
        assert first.provenance.supported_by == SUPPORTER
        assert second.provenance.supported_by is None


class TestClear:
    def test_leaves_a_heading_empty(self) -> None:
        about_me: Any = (
            given(BEGUN)
            .when(do(AboutMe.clear, EDITH, heading="how_i_communicate", reason="Private"))
            .then(
                happened(AboutMe.Cleared, responses={"how_i_communicate": None}, reason="Private")
            )
        )
        assert about_me.responses == {"what_is_most_important": CAT}

    def test_is_refused_where_nothing_stands(self) -> None:
        given(BEGUN).when(do(AboutMe.clear, EDITH, heading="my_wellness", reason="So")).refused(
            "heading-already-empty", "heading"
        )

    def test_says_why(self) -> None:
        given(BEGUN).when(do(AboutMe.clear, EDITH, heading="how_i_communicate")).refused(
            "reason-missing"
        )


class TestMedia:
    def test_are_added_beside_the_words_as_they_were_given(self) -> None:
        after = replace(HEARING, media=(FILM,))
        given(BEGUN).when(WITH_FILM).then(
            happened(AboutMe.MediaAdded, responses={"how_i_communicate": after})
        )

    def test_may_be_all_that_stands_under_a_heading(self) -> None:
        given(BEGUN).when(do(AboutMe.add_media, EDITH, heading="my_wellness", media=FILM)).then(
            happened(AboutMe.MediaAdded, responses={"my_wellness": Response(media=(FILM,))})
        )

    def test_given_again_take_the_place_of_what_was_given_before(self) -> None:
        renamed = replace(FILM, caption="Yes and no")
        step = do(AboutMe.add_media, EDITH, heading="how_i_communicate", media=renamed)
        given(BEGUN, WITH_FILM).when(step).then(
            happened(
                AboutMe.MediaAdded,
                responses={"how_i_communicate": replace(HEARING, media=(renamed,))},
            )
        )

    def test_need_a_checksum_however_they_come(self) -> None:
        unproven = replace(FILM, sha256=None)
        code, under = "media-needs-a-checksum", {"my_wellness": Response(media=(unproven,))}
        step = do(AboutMe.add_media, EDITH, heading="my_wellness", media=unproven)
        given(BEGUN).when(step).refused(code, "media.sha256")
        given().when(do(AboutMe.begin, EDITH, responses=under)).refused(
            code, "responses.my_wellness.media.0.sha256"
        )
        given(BEGUN).when(do(AboutMe.reword, EDITH, responses=under)).refused(code)

    def test_are_taken_away_under_every_heading(self) -> None:
        elsewhere = do(AboutMe.add_media, EDITH, heading="my_wellness", media=FILM)
        step = do(AboutMe.remove_media, EDITH, media_id=FILM.media_id, reason="I look better now")
        about_me: Any = (
            given(BEGUN, WITH_FILM, elsewhere)
            .when(step)
            .then(
                happened(
                    AboutMe.MediaRemoved,
                    responses={"how_i_communicate": HEARING, "my_wellness": None},
                    reason="I look better now",
                )
            )
        )
        assert about_me.responses == RESPONSES

    def test_that_nobody_added_cannot_be_taken_away(self) -> None:
        step = do(AboutMe.remove_media, EDITH, media_id=PICTURE.media_id, reason="Gone")
        given(BEGUN, WITH_FILM).when(step).refused("media-unknown", "media_id")

    def test_are_taken_away_for_a_reason(self) -> None:
        given(BEGUN, WITH_FILM).when(
            do(AboutMe.remove_media, EDITH, media_id=FILM.media_id)
        ).refused("reason-missing")


def test_confirm_is_recorded_and_changes_nothing() -> None:
    about_me: Any = given(BEGUN).when(do(AboutMe.confirm, EDITH)).then(happened(AboutMe.Confirmed))
    assert about_me.responses == RESPONSES


def test_set_aside_and_resume() -> None:
    given(BEGUN).when(SET_ASIDE).then(happened(AboutMe.SetAside, reason="I want to start anew"))
    given(BEGUN).when(do(AboutMe.set_aside, EDITH)).refused("reason-missing")
    given(BEGUN, SET_ASIDE).when(do(AboutMe.resume, EDITH)).then(happened(AboutMe.Resumed))
    given(BEGUN).when(do(AboutMe.resume, EDITH)).refused("about-me-not-set-aside")


@pytest.mark.parametrize(
    "step",
    [
        do(AboutMe.reword, EDITH, responses=RESPONSES),
        do(AboutMe.clear, EDITH, heading="how_i_communicate", reason="Private"),
        do(AboutMe.add_media, EDITH, heading="how_i_communicate", media=FILM),
        do(AboutMe.remove_media, EDITH, media_id=FILM.media_id, reason="Gone"),
        do(AboutMe.confirm, EDITH),
        SET_ASIDE,
    ],
    ids=lambda step: step.method.__name__,
)
def test_what_was_set_aside_is_resumed_first(step: Step) -> None:
    given(BEGUN, SET_ASIDE).when(step).refused("about-me-set-aside")


HEADINGS = st.sampled_from(["what_is_most_important", "how_i_communicate", "my_wellness"])
STEPS = st.one_of(
    st.builds(
        lambda heading, text: do(AboutMe.reword, EDITH, responses={heading: Response(text)}),
        HEADINGS,
        st.sampled_from(["A", "B"]),
    ),
    st.builds(
        lambda heading, media: do(AboutMe.add_media, EDITH, heading=heading, media=media),
        HEADINGS,
        st.sampled_from([FILM, PICTURE]),
    ),
    st.builds(lambda heading: do(AboutMe.clear, EDITH, heading=heading, reason="So"), HEADINGS),
    st.builds(
        lambda media: do(AboutMe.remove_media, EDITH, media_id=media.media_id, reason="So"),
        st.sampled_from([FILM, PICTURE]),
    ),
)


@for_all(st.lists(STEPS, max_size=8))
def test_what_the_events_say_adds_up_to_what_is_remembered(steps: list[Step]) -> None:
    about_me: Any = BEGUN.take(None)
    for step in steps:
        with suppress(Refused):
            step.take(about_me)
    headings: dict[str, Any] = {}
    for event in about_me.pending_events:
        headings.update(getattr(event, "responses", {}))
    assert about_me.responses == {name: held for name, held in headings.items() if held}
    assert all(not held.is_blank for held in about_me.responses.values())
    assert replayed(about_me.pending_events).version == about_me.version


def test_a_picture_was_taken_before_it_is_shown() -> None:
    """Kind: a time that a contributor gives, and that nobody can have seen."""
    ahead = replace(FILM, taken_at=datetime.now(UTC) + timedelta(minutes=2))
    step = do(AboutMe.add_media, EDITH, heading="my_wellness", media=ahead)
    given(BEGUN).when(step).refused("taken-in-the-future", "media.taken_at")
