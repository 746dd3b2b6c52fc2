"""About me: what the person wants everybody to know, in their own words."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, Literal, Self
from uuid import UUID, uuid5

from eventsourcing.domain import event

from shared.ledger import (
    PERSON,
    PROXY,
    Change,
    Code,
    Entry,
    Media,
    Provenance,
    Refused,
    is_blank,
    need_reason,
    value,
)

Heading = Literal[
    "what_is_most_important",
    "people_who_are_important",
    "how_i_communicate",
    "my_wellness",
    "please_do_and_please_dont",
    "how_and_when_to_support_me",
    "also_worth_knowing",
]

_A_MINUTE: Final = timedelta(minutes=1)


@value
class Response:
    """What stands under one heading: words, a code, pictures, sound or films."""

    text: str | None = None
    code: Code | None = None
    media: tuple[Media, ...] = ()

    @property
    def is_blank(self) -> bool:
        """True where it says nothing in any way, or its words are given and cannot be read."""
        has_another_way = self.code is not None or bool(self.media)
        return is_blank(self.text) and (self.text is not None or not has_another_way)


Responses = dict[Heading, Response]
ChangedResponses = dict[Heading, Response | None]


class AboutMe(Entry):
    """The one About me of a plan: spoken by the person, or on their behalf, and by nobody else."""

    already_exists: ClassVar[str] = "about-me-already-begun"

    class Begun(Entry.Creation):
        change = Change.CREATED
        responses: Responses

    class Reworded(Entry.Event):
        change = Change.AMENDED
        responses: Responses

    class Cleared(Entry.Event):
        change = Change.AMENDED
        responses: ChangedResponses
        reason: str

    class MediaAdded(Entry.Event):
        change = Change.AMENDED
        responses: Responses

    class MediaRemoved(Entry.Event):
        change = Change.AMENDED
        responses: ChangedResponses
        reason: str

    class Confirmed(Entry.Event):
        change = Change.AMENDED

    class SetAside(Entry.Event):
        change = Change.WITHDRAWN
        reason: str

    class Resumed(Entry.Event):
        change = Change.RESTORED

    @classmethod
    def fixed_id(cls, plan_id: UUID) -> UUID:
        """A plan has one, so its id follows from the plan's."""
        return uuid5(plan_id, "about-me")

    @classmethod
    def begin(cls, provenance: Provenance, responses: Responses) -> Self:
        """Write under one heading or more for the first time, or anew after an error."""
        _must_be_theirs(provenance)
        _must_say_something(responses)
        return cls._create(cls.Begun, responses=responses, provenance=provenance)

    def reword(self, provenance: Provenance, responses: Responses) -> None:
        """Say anew what stands under the headings named; the others stay."""
        self._must_be_current()
        _must_be_theirs(provenance)
        _must_say_something(responses)
        self.trigger_event(self.Reworded, responses=responses, provenance=provenance)

    def clear(self, provenance: Provenance, heading: Heading, reason: str | None = None) -> None:
        """Leave one heading empty."""
        self._must_be_current()
        _must_be_theirs(provenance)
        if heading not in self.responses:
            raise Refused("heading-already-empty", "There is nothing to clear.", field="heading")
        self.trigger_event(
            self.Cleared,
            responses={heading: None},
            reason=need_reason(reason),
            provenance=provenance,
        )

    def add_media(self, provenance: Provenance, heading: Heading, media: Media) -> None:
        """Show or play something under a heading."""
        self._must_be_current()
        _must_be_theirs(provenance)
        _must_be_whole(media, "media.sha256")
        held = self.responses.get(heading, Response())
        others = tuple(item for item in held.media if item.media_id != media.media_id)
        after = Response(held.text, held.code, (*others, media))
        self.trigger_event(self.MediaAdded, responses={heading: after}, provenance=provenance)

    def remove_media(
        self, provenance: Provenance, media_id: UUID, reason: str | None = None
    ) -> None:
        """Take something away that was shown or played, wherever it stands."""
        self._must_be_current()
        _must_be_theirs(provenance)
        after = {
            heading: _without(held, media_id)
            for heading, held in self.responses.items()
            if any(item.media_id == media_id for item in held.media)
        }
        if not after:
            raise Refused("media-unknown", "No heading has it.", field="media_id")
        self.trigger_event(
            self.MediaRemoved,
            responses=after,
            reason=need_reason(reason),
            provenance=provenance,
        )

    def confirm(self, provenance: Provenance) -> None:
        """Still right as it stands."""
        self._must_be_current()
        _must_be_theirs(provenance)
        self.trigger_event(self.Confirmed, provenance=provenance)

    def set_aside(self, provenance: Provenance, reason: str | None = None) -> None:
        """Take all of it out of the plan; ``resume`` undoes it."""
        self._must_be_current()
        _must_be_theirs(provenance)
        self.trigger_event(self.SetAside, reason=need_reason(reason), provenance=provenance)

    def resume(self, provenance: Provenance) -> None:
        """Put it back."""
        if not self.is_set_aside:
            raise Refused("about-me-not-set-aside", "This is part of the current plan.")
        _must_be_theirs(provenance)
        self.trigger_event(self.Resumed, provenance=provenance)

    def _must_be_current(self) -> None:
        if self.is_set_aside:
            raise Refused("about-me-set-aside", "This was set aside; resume it first.")

    @event(Begun)
    def __init__(self, responses: Responses) -> None:
        self.responses: Responses = dict(responses)
        self.is_set_aside = False

    @event(Reworded)
    def _apply_reworded(self, responses: Responses) -> None:
        self._take_over(responses)

    @event(Cleared)
    def _apply_cleared(self, responses: ChangedResponses) -> None:
        self._take_over(responses)

    @event(MediaAdded)
    def _apply_media_added(self, responses: Responses) -> None:
        self._take_over(responses)

    @event(MediaRemoved)
    def _apply_media_removed(self, responses: ChangedResponses) -> None:
        self._take_over(responses)

    @event(SetAside)
    def _apply_set_aside(self) -> None:
        self.is_set_aside = True

    @event(Resumed)
    def _apply_resumed(self) -> None:
        self.is_set_aside = False

    def _take_over(self, responses: Mapping[Heading, Response | None]) -> None:
        after = {**self.responses, **responses}
        self.responses = {heading: held for heading, held in after.items() if held is not None}


def _without(held: Response, media_id: UUID) -> Response | None:
    remaining = tuple(item for item in held.media if item.media_id != media_id)
    after = Response(held.text, held.code, remaining)
    return None if after.is_blank else after


def _must_be_theirs(provenance: Provenance) -> None:
    if not provenance.is_the_persons:
        raise Refused(
            "only-the-person-writes-about-me",
            "These are the person's own words, or said on their behalf; others comment.",
            field="provenance.stated_by",
        )
    if provenance.recorded_by.kind != PERSON and not _is_supported(provenance):
        raise Refused(
            "supporter-missing",
            "Say in `provenance.supported_by` who supported the person and how; "
            "where somebody speaks on their behalf, `how` is needed.",
            field="provenance.supported_by",
        )


def _is_supported(provenance: Provenance) -> bool:
    """True where it says who supported the person, or how; for a proxy it has to say how."""
    supporter = provenance.supported_by
    if supporter is None:
        return False
    says_how = not is_blank(supporter.how)
    return says_how or (provenance.voice != PROXY and not is_blank(supporter.name))


def _must_say_something(responses: Responses) -> None:
    if not responses:
        raise Refused("nothing-written", "Write under one heading at least.", field="responses")
    for heading, response in responses.items():
        if response.is_blank:
            raise Refused(
                "nothing-written", "Nothing is written here.", field=f"responses.{heading}"
            )
        for media in response.media:
            _must_be_whole(media, f"responses.{heading}.media")


def _must_be_whole(media: Media, field: str) -> None:
    if media.sha256 is None:
        raise Refused("media-needs-a-checksum", "Give the SHA-256 of its bytes.", field=field)
    if media.taken_at is not None and media.taken_at > datetime.now(UTC) + _A_MINUTE:
        raise Refused(
            "taken-in-the-future",
            "`taken_at` must not be later than now.",
            field=field.replace(".sha256", ".taken_at"),
        )
