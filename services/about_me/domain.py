"""About me: what the person wants everybody to know, in their own words."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID, uuid5

from eventsourcing.domain import event

from shared.ledger import (
    DERIVED,
    PERSON,
    PROXY,
    Amendment,
    CanBeConfirmed,
    CanBeSetAside,
    Carries,
    ChangeReason,
    Code,
    Creation,
    InAnEmergency,
    Media,
    Provenance,
    Refusal,
    Refused,
    changes,
    creates,
    is_blank,
    must_be_stored,
    titled,
    value,
    values_titled,
)

Heading = Annotated[
    Literal[
        "what_is_most_important",
        "people_who_are_important",
        "how_i_communicate",
        "my_wellness",
        "please_do_and_please_dont",
        "how_and_when_to_support_me",
        "also_worth_knowing",
    ],
    values_titled(
        {
            "what_is_most_important": titled(
                "What is most important to me",
                "What anybody must know about me, in an emergency too: what I value, my faith and "
                "culture, my pets, my hopes, what I like to do.",
            ),
            "people_who_are_important": titled(
                "People who are important to me",
                "Who matters to me and why, how to involve them and help me keep in touch; and "
                "who must not be contacted or asked.",
            ),
            "how_i_communicate": titled(
                "How I communicate and how to communicate with me",
                "My language and aids, how I show pain, distress, choices, yes and no, how I say "
                "what I think of my care, and what I like to be called.",
            ),
            "my_wellness": titled(
                "My wellness",
                "My good days and my bad days: what brings them on, how they show, what I do "
                "about them, what happened before, and what I aim for.",
            ),
            "please_do_and_please_dont": titled(
                "Please do and please don't",
                "What I want and do not want people to do, to talk about, or to try with me.",
            ),
            "how_and_when_to_support_me": titled(
                "How and when to support me",
                "My routines, eating, medicines, moving, deciding, my feelings and what upsets "
                "me; what differs from place to place, and what helps in an emergency.",
            ),
            "also_worth_knowing": titled(
                "Also worth knowing about me",
                "My life so far and my life now, what I like and dislike, and what else I prefer.",
            ),
        }
    ),
]

ONLY_THE_PERSON_WRITES = Refusal(
    "only-the-person-writes-about-me",
    "Only the person writes here",
    "These are the person's own words, or said on their behalf; others comment.",
)
SUPPORTER_MISSING = Refusal(
    "supporter-missing",
    "It does not say who supported the person",
    "Say in `provenance.supported_by` who supported the person and how; "
    "where somebody speaks on their behalf, `how` is needed.",
)
NOTHING_WRITTEN = Refusal(
    "nothing-written", "Nothing is written", "Write something under each heading named."
)
HEADING_ALREADY_EMPTY = Refusal(
    "heading-already-empty", "The heading is empty already", "There is nothing to clear."
)
MEDIA_UNKNOWN = Refusal("media-unknown", "No such media", "No heading has these media.")


# The standard has a group for each heading, around one item of the same name.
_ITEMS = Carries(
    "What is most important to me",
    "People who are important to me",
    "How I communicate and how to communicate with me",
    "My wellness",
    "Please do and please don't",
    "How and when to support me",
    "Also worth knowing about me",
)


@value
class Response:
    """What stands under one heading: words, a code, pictures, sound or films."""

    text: (
        Annotated[str, titled("Words", "What the person says, in their own words."), _ITEMS] | None
    ) = None
    code: Annotated[Code, titled("Code", "A code for what is said.")] | None = None
    media: Annotated[
        tuple[Media, ...], titled("Pictures, sound and films", "What is shown or played here.")
    ] = ()

    @property
    def is_blank(self) -> bool:
        """True where it says nothing in any way, or its words are given and cannot be read."""
        has_another_way = self.code is not None or bool(self.media)
        return is_blank(self.text) and (self.text is not None or not has_another_way)


_HEADINGS = titled("Headings", "What stands under each heading.")
Responses = Annotated[
    dict[Heading, Response],
    _HEADINGS,
    Carries(*_ITEMS.elements, "Location to multimedia file"),
]
ChangedResponses = Annotated[dict[Heading, Response | None], _HEADINGS]


class Written(Amendment):
    """An event that sets ``responses``: what stands under the headings that they name."""

    def apply(self, aggregate: Any) -> None:
        """The other headings stay."""
        super().apply(aggregate)
        said: Any = self
        aggregate.take_over(said.responses)


@titled("About me")
class AboutMe(CanBeSetAside, CanBeConfirmed):
    """The one About me of a plan: spoken by the person, or on their behalf, and by nobody else."""

    carries = ("About me",)
    in_an_emergency = InAnEmergency(
        (
            "responses.what_is_most_important",
            "responses.how_i_communicate",
            "responses.please_do_and_please_dont",
        )
    )
    persons = ONLY_THE_PERSON_WRITES
    already_exists = Refusal(
        "about-me-already-begun",
        "There is an About me already",
        "This plan has its About me already, and no plan has two.",
    )
    already_out = Refusal(
        "about-me-set-aside", "It was set aside", "This was set aside; resume it first."
    )
    not_out = Refusal(
        "about-me-not-set-aside", "It is not set aside", "This is part of the current plan."
    )

    @titled("Begun")
    class Begun(Creation):
        """Something was written for the first time, or anew after an error."""

        responses: Responses

    @titled("Reworded")
    class Reworded(Written):
        """What stands under some headings was said anew."""

        responses: Responses

    @titled("Heading cleared")
    class Cleared(Written):
        """Nothing stands under that heading any more."""

        responses: Annotated[ChangedResponses, DERIVED]
        reason: ChangeReason

    @titled("Media added")
    class MediaAdded(Written):
        """Something is shown or played under a heading."""

        responses: Annotated[Responses, DERIVED]

    @titled("Media removed")
    class MediaRemoved(Written):
        """Something is no longer shown or played."""

        responses: Annotated[ChangedResponses, DERIVED]
        reason: ChangeReason

    @classmethod
    def fixed_id(cls, plan_id: UUID) -> UUID:
        """A plan has one, so its id follows from the plan's."""
        return uuid5(plan_id, "about-me")

    def judge_every_change(self, provenance: Provenance) -> None:
        """Whoever records the person's words says how they were supported."""
        _must_name_the_supporter(provenance)

    @creates(Begun, "Begin")
    @staticmethod
    def begin(said: Begun) -> None:
        """Write under one heading or more for the first time, or anew after an error."""
        _must_name_the_supporter(said.provenance)
        _must_say_something(said.responses)

    @changes(Reworded, "Reword")
    def reword(self, said: Reworded) -> None:
        """Say anew what stands under the headings named; the others stay."""
        _must_say_something(said.responses)

    @changes(Cleared, "Clear a heading")
    def clear(
        self,
        said: Cleared,
        heading: Annotated[Heading, titled("Heading", "The heading to clear.")],
    ) -> Cleared:
        """Leave one heading empty."""
        if heading not in self.responses:
            raise Refused(HEADING_ALREADY_EMPTY, field="heading")
        return said.having(responses={heading: None})

    @changes(MediaAdded, "Add media")
    def add_media(
        self,
        said: MediaAdded,
        heading: Annotated[Heading, titled("Heading", "Where it is shown or played.")],
        media: Annotated[Media, titled("Media", "The picture, sound or film.")],
    ) -> MediaAdded:
        """Show or play something under a heading."""
        must_be_stored(media, "media")
        held = self.responses.get(heading, Response())
        others = tuple(item for item in held.media if item.media_id != media.media_id)
        after = Response(held.text, held.code, (*others, media))
        return said.having(responses={heading: after})

    @changes(MediaRemoved, "Remove media")
    def remove_media(
        self,
        said: MediaRemoved,
        media_id: Annotated[UUID, titled("Media", "The id of the picture, sound or film.")],
    ) -> MediaRemoved:
        """Take something away that was shown or played, wherever it stands."""
        after = {
            heading: _without(held, media_id)
            for heading, held in self.responses.items()
            if any(item.media_id == media_id for item in held.media)
        }
        if not after:
            raise Refused(MEDIA_UNKNOWN, field="media_id")
        return said.having(responses=after)

    @event(Begun)
    def __init__(self, responses: Responses) -> None:
        self.responses: dict[Heading, Response] = dict(responses)

    def take_over(self, responses: Mapping[Heading, Response | None]) -> None:
        """What stands where from now on; events call this, nobody else."""
        after = {**self.responses, **responses}
        self.responses = {heading: held for heading, held in after.items() if held is not None}


def _without(held: Response, media_id: UUID) -> Response | None:
    remaining = tuple(item for item in held.media if item.media_id != media_id)
    after = Response(held.text, held.code, remaining)
    return None if after.is_blank else after


def _must_name_the_supporter(provenance: Provenance) -> None:
    if provenance.recorded_by.kind != PERSON and not _is_supported(provenance):
        raise Refused(SUPPORTER_MISSING, field="provenance.supported_by")


def _is_supported(provenance: Provenance) -> bool:
    """True where it says who supported the person, or how; for a proxy it has to say how."""
    supporter = provenance.supported_by
    if supporter is None:
        return False
    says_how = not is_blank(supporter.how)
    return says_how or (provenance.voice != PROXY and not is_blank(supporter.name))


def _must_say_something(responses: Responses) -> None:
    if not responses:
        raise Refused(NOTHING_WRITTEN, "Write under one heading at least.", field="responses")
    for heading, response in responses.items():
        if response.is_blank:
            raise Refused(NOTHING_WRITTEN, field=f"responses.{heading}")
        for index, media in enumerate(response.media):
            must_be_stored(media, f"responses.{heading}.media.{index}")
