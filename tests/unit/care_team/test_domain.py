"""What contacts, relationships and proxies decide."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.care_team.domain import PersonalContact, ProfessionalContact, Proxy, Relationship
from services.care_team.domain.proxy import Evidence, ProxyAuthority, ProxyScope
from services.care_team.domain.relationship import (
    Basis,
    LawfulBasis,
    Objection,
    RelationshipKind,
    ReleasedInSpite,
    Scope,
)
from services.care_team.section import SECTION
from shared.chassis.wire.shapes import command_shape
from shared.ledger import KEEP, CodedText, Document, Limits, Organisation, Party
from shared.testing.people import EDITH, RUTH, SAM, TOM
from shared.testing.scenario import Step, acting, do, given, happened, said

AT = datetime(2026, 3, 10, 9, tzinfo=UTC)
TRUST = TOM.organisation
HERS = said(EDITH)
CONTACT = {"organisation": TRUST, "name": "Tom", "role": CodedText("Physio"), "starts_at": AT}
JOINED = do(ProfessionalContact.join, TOM, **CONTACT)


def test_a_professional_joins_by_their_own_organisation_or_on_the_persons_word() -> None:
    elsewhere = do(ProfessionalContact.join, SAM, **CONTACT)
    given().when(elsewhere).refused("not-your-organisation", "organisation")
    for by in (HERS, said(EDITH, recorded_by=SAM), acting(RUTH, EDITH)):
        named = {
            **CONTACT,
            "speciality": None,
            "team": None,
            "contact_details": (),
            "ends_at": None,
        }
        given().when(do(ProfessionalContact.join, by, **CONTACT)).then(
            happened(ProfessionalContact.Joined, **named)
        )


@pytest.mark.parametrize(
    ("command", "content"),
    [
        (ProfessionalContact.change_details, {"team": "Falls"}),
        (ProfessionalContact.leave, {"reason": "Over"}),
    ],
)
def test_only_their_own_organisation_or_the_person_changes_a_contact(
    command: Any, content: dict[str, Any]
) -> None:
    given(JOINED).when(do(command, SAM, **content)).refused("not-your-organisation")
    assert given(JOINED).when(do(command, HERS, **content)).refusal is None


def test_a_contact_can_always_be_found() -> None:
    code = "contact-needs-name-role-or-team"
    nobody = {"organisation": TRUST, "contact_details": ("01632 960120",)}
    given().when(do(ProfessionalContact.join, TOM, **nobody)).refused(code, "name")
    change = ProfessionalContact.change_details
    given(JOINED).when(do(change, TOM, name=None, role=None)).refused(code, "name")
    assert given(JOINED).when(do(change, TOM, name=None)).refusal is None
    given(JOINED, do(change, TOM, name=None)).when(do(change, TOM, role=None)).refused(code)


def test_the_end_of_a_contact_comes_after_its_beginning() -> None:
    early = AT - timedelta(days=1)
    code = "ends-before-it-starts"
    given().when(do(ProfessionalContact.join, TOM, **CONTACT, ends_at=early)).refused(code)
    given(JOINED).when(do(ProfessionalContact.change_details, TOM, ends_at=early)).refused(code)
    given(JOINED).when(do(ProfessionalContact.leave, TOM, reason="Over", ends_at=early)).refused(
        code
    )


def test_whoever_rejoins_has_no_end_any_more() -> None:
    later = AT + timedelta(days=90)
    left = do(ProfessionalContact.leave, TOM, reason="Over", ends_at=later)
    again = later + timedelta(days=30)
    given(JOINED, left).when(do(ProfessionalContact.rejoin, TOM, starts_at=again)).then(
        happened(ProfessionalContact.Rejoined, starts_at=again, ends_at=None)
    )
    given(JOINED).when(do(ProfessionalContact.rejoin, TOM)).refused("contact-has-not-left")
    given(JOINED, left).when(do(ProfessionalContact.name_key_worker, TOM)).refused(
        "contact-has-left"
    )


def test_what_leaving_and_rejoining_do_not_name_stays() -> None:
    ends = AT + timedelta(days=90)
    joined = do(ProfessionalContact.join, TOM, **CONTACT, ends_at=ends)
    left = do(ProfessionalContact.leave, TOM, reason="Over")
    given(joined).when(left).then(happened(ProfessionalContact.Left, reason="Over", ends_at=KEEP))
    back = do(ProfessionalContact.rejoin, TOM)
    entry = (
        given(joined, left)
        .when(back)
        .then(happened(ProfessionalContact.Rejoined, starts_at=KEEP, ends_at=None))
    )
    assert isinstance(entry, ProfessionalContact)
    assert (entry.starts_at, entry.ends_at) == (AT, None)
    early = do(ProfessionalContact.leave, TOM, reason="Over", ends_at=AT - timedelta(days=1))
    given(joined, left, back).when(early).refused("ends-before-it-starts", "ends_at")


@pytest.mark.parametrize("method", ["leave", "rejoin"])
def test_who_leaves_or_rejoins_need_not_say_when(method: str) -> None:
    """A command that takes an entry out or puts it back changes something by itself."""
    command = SECTION.commands[f"careplan.care-team.commands.professional-contact-{method}.v1"]
    reason = {"reason": "Over"} if method == "leave" else {}
    assert command_shape(command).read(reason) == reason


def test_a_contact_has_the_organisation_that_is_their_own() -> None:
    """Whoever changes it speaks for the one that was named and for the one that is."""
    change = ProfessionalContact.change_details
    elsewhere = do(change, TOM, organisation=SAM.organisation)
    given(JOINED).when(elsewhere).refused("not-your-organisation", "organisation")
    named = do(ProfessionalContact.join, HERS, **{**CONTACT, "organisation": SAM.organisation})
    given(named).when(do(change, TOM, organisation=TRUST)).refused("not-your-organisation")
    moved = do(change, HERS, organisation=TRUST)
    assert given(named).when(moved).refusal is None
    given(named, moved).when(do(change, SAM, team="Falls")).refused("not-your-organisation")
    assert given(named, moved).when(do(change, TOM, team="Falls")).refusal is None


def test_a_key_worker_is_named_and_stands_down_once() -> None:
    name = do(ProfessionalContact.name_key_worker, TOM)
    down = do(ProfessionalContact.stand_down_key_worker, TOM)
    given(JOINED).when(down).refused("not-key-worker")
    given(JOINED).when(name).then(happened(ProfessionalContact.NamedKeyWorker, key_worker=True))
    given(JOINED, name).when(name).refused("already-key-worker")
    given(JOINED, name).when(down).then(
        happened(ProfessionalContact.StoodDownAsKeyWorker, key_worker=False)
    )
    given(JOINED, name, down).when(down).refused("not-key-worker")


NAMED = do(PersonalContact.name, HERS, name="Keith")


def test_a_personal_contact_has_a_name_and_says_something() -> None:
    given().when(do(PersonalContact.name, HERS, name=" ")).refused("contact-needs-a-name", "name")
    given(NAMED).when(do(PersonalContact.change_details, HERS, name="")).refused(
        "contact-needs-a-name", "name"
    )
    given().when(do(PersonalContact.name, HERS, name="Joan", roles=("key holder", " "))).refused(
        "needs-code-or-text", "roles.1"
    )


def test_a_contact_is_excluded_once_and_may_be_contacted_again() -> None:
    exclude = do(PersonalContact.exclude, said(EDITH, stated_at=AT), reason="He frightens me")
    lift = do(PersonalContact.lift_exclusion, HERS, reason="We are friends again")
    entry = given(NAMED).when(exclude).entry
    assert entry is not None
    given(NAMED, exclude).when(exclude).refused("contact-already-excluded")
    given(NAMED).when(lift).refused("contact-not-excluded")
    given(NAMED, exclude).when(lift).then(
        happened(PersonalContact.ExclusionLifted, excluded=None, reason="We are friends again")
    )
    given(NAMED, exclude, lift).when(lift).refused("contact-not-excluded")


ON_HER_WORD = said(EDITH, recorded_by=TOM)
ASIDE = do(PersonalContact.set_aside, HERS, reason="She moved")


@pytest.mark.parametrize(
    ("before", "command", "content"),
    [
        ((), PersonalContact.name, {"name": "Keith"}),
        ((NAMED,), PersonalContact.change_details, {"name": "Keith Pell"}),
        ((NAMED,), PersonalContact.set_aside, {"reason": "He moved"}),
        ((NAMED, ASIDE), PersonalContact.resume, {}),
    ],
)
def test_what_is_said_of_somebody_close_is_said_on_the_persons_word(
    before: tuple[Step, ...], command: Any, content: dict[str, Any]
) -> None:
    given(*before).when(do(command, TOM, **content)).refused(
        "role-may-not-contribute", "provenance.stated_by"
    )
    refusal = given(*before).when(do(command, TOM, **content)).refusal
    assert refusal is not None
    assert "provenance.stated_by" in refusal.detail
    for by in (HERS, ON_HER_WORD, acting(RUTH, EDITH)):
        assert given(*before).when(do(command, by, **content)).refusal is None


def test_whom_the_person_excluded_is_contacted_again_on_their_word_alone() -> None:
    lift = do(PersonalContact.lift_exclusion, TOM, reason="It is long ago")
    by_her = do(PersonalContact.exclude, ON_HER_WORD, reason="He frightens me")
    given(NAMED, by_her).when(lift).refused("role-may-not-contribute", "provenance.stated_by")
    to_keep_her_safe = do(PersonalContact.exclude, TOM, reason="Safeguarding enquiry")
    assert given(NAMED, to_keep_her_safe).when(lift).refusal is None
    her_lift = do(PersonalContact.lift_exclusion, HERS, reason="We are friends again")
    assert given(NAMED, by_her, her_lift, to_keep_her_safe).when(lift).refusal is None


END = datetime.now(UTC) + timedelta(days=20)
RELATIONSHIP = {
    "organisation": TRUST,
    "kind": RelationshipKind.CASELOAD,
    "reason": "Falls programme",
    "lawful_basis": LawfulBasis(Basis.DIRECT_CARE),
    "live_from": AT,
    "live_until": END,
}
ON_HER_OWN_WORD = (HERS, acting(RUTH, EDITH))
REGISTRATION = {"granted": frozenset({"registration"})}
OFFICER = {"granted": frozenset({"relationship_supervising"})}


def established(by: Any = TOM, **content: Any) -> Step:
    return do(Relationship.establish, by, **{**RELATIONSHIP, **content})


def test_a_relationship_says_why_and_is_ones_own() -> None:
    given().when(established(reason=" ")).refused("relationship-needs-a-reason", "reason")
    nowhere = Organisation(name="The trust")
    given().when(established(organisation=nowhere)).refused("needs-code-or-text", "organisation")
    for by in (SAM, said(EDITH, recorded_by=SAM), acting(RUTH, EDITH, recorded_by=SAM)):
        given().when(established(by)).refused("organisation-claim-differs", "organisation")
    for by in ON_HER_OWN_WORD:
        assert given().when(established(by)).refusal is None
    assert given().when(established(SAM, **REGISTRATION)).refusal is None


@pytest.mark.parametrize("kind", [RelationshipKind.CASELOAD, RelationshipKind.SELF_CLAIMED])
@pytest.mark.parametrize("by", [TOM, said(EDITH, recorded_by=TOM)])
def test_what_an_organisation_says_of_itself_is_a_claim_for_a_month(by: Any, kind: Any) -> None:
    """Of whatever kind it is, and whomever it quotes."""
    claim = {"kind": kind, "live_until": None}
    if kind is RelationshipKind.SELF_CLAIMED and by is not TOM:
        given().when(established(by, **claim)).refused("role-may-not-contribute")
        return
    month, before = timedelta(days=31), datetime.now(UTC)
    (event,) = given().when(established(by, **claim)).events
    assert (event.self_claimed, event.alert) == (True, "self-claimed")
    assert before + month <= event.live_until <= event.timestamp + month
    later = event.timestamp + timedelta(days=5)
    (planned,) = given().when(established(by, **claim, live_from=later)).events
    assert planned.live_until == later + month
    end = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    (late,) = given().when(established(by, **claim, live_from=end - timedelta(days=1))).events
    assert late.live_until == end
    too_long = {**claim, "live_until": datetime.now(UTC) + timedelta(days=32)}
    given().when(established(by, **too_long)).refused("self-claimed-too-long", "live_until")
    over = {**claim, "live_until": datetime.now(UTC) - timedelta(seconds=1)}
    given().when(established(by, **over)).refused("self-claimed-already-over", "live_until")


def test_how_long_a_claim_lasts_is_a_setting() -> None:
    week = {"limits": Limits(longest_claim=timedelta(days=7))}
    given().when(established(**week)).refused("self-claimed-too-long", "live_until")
    (event,) = given().when(established(live_until=None, **week)).events
    assert event.live_until <= event.timestamp + timedelta(days=7)
    soon = event.timestamp + timedelta(days=8)
    given(established(live_until=None, **week)).when(
        do(Relationship.extend, TOM, live_until=soon, reason="It goes on", **week)
    ).refused("self-claimed-too-long", "live_until")


def test_what_others_prove_is_no_claim_and_lasts_as_long_as_they_say() -> None:
    long_ago, far = AT - timedelta(days=400), END + timedelta(days=4_000)
    registered = established(SAM, live_until=far, **REGISTRATION)
    hers = [established(by, live_until=far) for by in ON_HER_OWN_WORD]
    over = established(HERS, live_from=long_ago, live_until=AT)
    for step in (registered, *hers, over, established(HERS, live_until=None)):
        (event,) = given().when(step).events
        assert (event.self_claimed, event.alert) == (False, None)
        assert event.live_until == step.content["live_until"]


def test_a_claim_is_confirmed_by_others_than_who_made_it() -> None:
    def confirm(by: Any, **content: Any) -> Step:
        return do(Relationship.confirm, by, **content)

    for by in (TOM, SAM, said(EDITH, recorded_by=TOM), said(EDITH, recorded_by=SAM)):
        given(established()).when(confirm(by)).refused("role-may-not-contribute")
    given(established()).when(confirm(TOM, **OFFICER)).refused("conflict-of-interest")
    far = END + timedelta(days=4_000)
    for step in (confirm(HERS, live_until=far), confirm(SAM, live_until=far, **OFFICER),
                 confirm(TOM, live_until=far, **REGISTRATION)):  # fmt: skip
        entry = (
            given(established())
            .when(step)
            .then(happened(Relationship.Confirmed, self_claimed=False, live_until=far, reason=None))
        )
        assert isinstance(entry, Relationship)
        assert (entry.is_claimed, entry.live_until) == (False, far)
        given(established(), step).when(step).refused("relationship-not-self-claimed")
    kept = given(established()).when(confirm(HERS)).entry
    assert isinstance(kept, Relationship)
    assert kept.live_until is None
    given(established()).when(confirm(HERS, live_until=AT - timedelta(days=1))).refused(
        "ends-before-it-starts", "live_until"
    )


def test_an_extension_lasts_longer_than_before_and_is_a_claim() -> None:
    def extend(until: datetime, by: Any = TOM) -> Step:
        return do(Relationship.extend, by, live_until=until, reason="It goes on")

    given(established()).when(extend(END)).refused("not-an-extension", "live_until")
    always = established(HERS, live_until=None)
    given(always).when(extend(END)).refused("not-an-extension", "live_until")
    later = END + timedelta(days=1)
    given(established()).when(extend(later, SAM)).refused("organisation-claim-differs")
    for before in (established(), established(HERS)):
        (event,) = given(before).when(extend(later)).events
        assert (event.self_claimed, event.alert) == (True, "self-claimed")
        too_late = extend(END + timedelta(days=20))
        given(before).when(too_late).refused("self-claimed-too-long", "live_until")


def test_an_organisation_has_one_of_each_kind_until_it_ends() -> None:
    entry = given().when(established()).entry
    ended = given(established()).when(do(Relationship.end, TOM, reason="Discharged")).entry
    in_error = given(established()).when(do(Relationship.mark_in_error, TOM, reason="Slip")).entry
    assert entry is not None
    assert ended is not None
    assert in_error is not None
    (key,) = entry.unique_keys()
    assert str(TRUST.code) in key
    assert ended.unique_keys() == in_error.unique_keys() == frozenset()
    other = given().when(established(kind=RelationshipKind.REFERRAL)).entry
    assert other is not None
    assert other.unique_keys() != entry.unique_keys()


def test_an_objection_is_the_persons_and_a_release_has_an_approver_and_an_end() -> None:
    hers = said(EDITH, stated_at=AT)
    scope = Scope(sections=("needs",))
    object_ = do(Relationship.object, hers, reason="A neighbour works there", scope=scope)
    until = datetime.now(UTC) + timedelta(days=1)
    release = {"reason": "In danger", "approved_by": "Caldicott guardian", "until": until}
    given(established()).when(object_).then(
        happened(
            Relationship.Objected,
            objection=Objection(AT, scope, "A neighbour works there"),
            reason="A neighbour works there",
        )
    )
    given(established(), object_).when(object_).refused("already-objected")
    given(established()).when(do(Relationship.release, SAM, **release)).refused("no-objection")
    given(established(), object_).when(
        do(Relationship.release, SAM, **{**release, "until": AT})
    ).refused("ends-before-it-starts", "until")
    given(established(), object_).when(do(Relationship.release, SAM, **release)).then(
        happened(
            Relationship.Released,
            released=ReleasedInSpite("In danger", "Caldicott guardian", until),
            reason="In danger",
        )
    )
    for nobody in (None, " "):
        given(established(), object_).when(
            do(Relationship.release, SAM, **{**release, "approved_by": nobody})
        ).refused("release-needs-an-approver", "approved_by")
    given(established(), object_).when(do(Relationship.lift_objection, TOM)).refused(
        "only-the-person-lifts-an-objection", "provenance.stated_by"
    )
    given(established()).when(do(Relationship.lift_objection, hers)).refused("no-objection")
    for by in (hers, acting(RUTH, EDITH)):
        given(established(), object_).when(do(Relationship.lift_objection, by)).then(
            happened(Relationship.ObjectionLifted, objection=None, released=None)
        )


def test_nobody_opens_a_plan_to_their_own_organisation() -> None:
    """An officer narrows what is seen there, and asks another to widen it or to release it."""
    object_ = do(Relationship.object, HERS, reason="A neighbour works there")
    release = {
        "reason": "In danger",
        "approved_by": "Caldicott guardian",
        "until": datetime.now(UTC) + timedelta(days=1),
    }
    before = (established(HERS, scope=Scope(("goals", "needs"), ("address",))), object_)

    def narrow(*sections: str, labels: tuple[str, ...] = (), contribute: bool = False) -> Step:
        scope = Scope(sections, labels, contribute)
        return do(Relationship.change_scope, TOM, scope=scope, reason="As she likes", **OFFICER)

    everything = do(Relationship.change_scope, TOM, scope=Scope(), reason="More", **OFFICER)
    for step in (
        do(Relationship.release, TOM, **release, **OFFICER),
        narrow("goals", "about-me"),
        narrow("goals", labels=("mental-health",)),
        everything,
    ):
        given(*before).when(step).refused("conflict-of-interest")
    for step in (narrow("goals"), narrow(), narrow("goals", labels=("address",), contribute=True)):
        assert given(*before).when(step).refusal is None
    silent = narrow("goals")
    given(*before, silent).when(narrow("goals", contribute=True)).refused("conflict-of-interest")
    elsewhere = do(Relationship.release, SAM, **release, **OFFICER)
    assert given(*before).when(elsewhere).refusal is None


def test_whom_the_person_objects_to_does_not_write_down_that_they_no_longer_do() -> None:
    before = (established(HERS), do(Relationship.object, HERS, reason="A neighbour works there"))
    lift = Relationship.lift_objection
    for by in (said(EDITH, recorded_by=TOM), acting(RUTH, EDITH, recorded_by=TOM)):
        given(*before).when(do(lift, by)).refused("only-the-person-lifts-an-objection")
    assert given(*before).when(do(lift, said(EDITH, recorded_by=SAM))).refusal is None


def test_nobody_has_to_say_why_they_object() -> None:
    given(established()).when(do(Relationship.object, said(EDITH, stated_at=AT))).then(
        happened(Relationship.Objected, objection=Objection(AT), reason=None)
    )


def test_a_relationship_is_extended_by_its_own_organisation_and_not_by_the_person() -> None:
    more: dict[str, Any] = {"live_until": END + timedelta(days=1), "reason": "It goes on"}
    for by in (HERS, acting(RUTH, EDITH), said(EDITH, recorded_by=SAM)):
        given(established()).when(do(Relationship.extend, by, **more)).refused(
            "organisation-claim-differs"
        )
    registered = do(Relationship.extend, SAM, **more, **REGISTRATION)
    for step, claimed in ((do(Relationship.extend, TOM, **more), True), (registered, False)):
        given(established()).when(step).then(
            happened(Relationship.Extended, **more, self_claimed=claimed)
        )


def test_only_those_concerned_end_a_relationship() -> None:
    def end(by: Any, **content: Any) -> Step:
        return do(Relationship.end, by, reason="Over", **content)

    given(established()).when(end(SAM)).refused("organisation-claim-differs")
    supervised = end(SAM, granted=frozenset({"relationship_supervising"}))
    for step in (end(TOM), end(HERS), supervised):
        given(established()).when(step).then(happened(Relationship.Ended, reason="Over"))
    given(established(), end(TOM)).when(end(TOM)).refused("relationship-ended")


EVIDENCE = Evidence(Document(title="LPA", held_at="Surgery"), "Dr A. Quill-Synth", AT)
PROXY = {
    "party": Party(kind="related-person", name="Ruth"),
    "authority": ProxyAuthority.LPA,
    "evidence": EVIDENCE,
    "scope": ProxyScope(view=True, agree=True),
    "live_from": AT,
}


def appointed(by: Any = TOM, **content: Any) -> Step:
    return do(Proxy.appoint, by, **{**PROXY, **content})


def test_a_proxy_has_a_right_that_somebody_has_seen() -> None:
    given().when(appointed(authority=None)).refused("proxy-needs-an-authority", "authority")
    given().when(appointed(evidence=None)).refused("authority-not-verified", "evidence")
    given().when(appointed(HERS, evidence=None)).refused("authority-not-verified", "evidence")
    seeing = ProxyScope(view=True)
    nominated = {"authority": ProxyAuthority.NOMINATION, "evidence": None, "scope": seeing}
    assert given().when(appointed(HERS, **nominated)).refusal is None
    for by in (TOM, said(EDITH, recorded_by=TOM)):
        given().when(appointed(by, **nominated)).refused("authority-not-verified", "evidence")
    given().when(appointed(**nominated)).refused("authority-not-verified", "evidence")
    given().when(appointed(party=Party())).refused("needs-code-or-text", "party")
    early = AT - timedelta(days=1)
    given().when(appointed(live_until=early)).refused("ends-before-it-starts", "live_until")


def test_a_professional_widens_or_reinstates_what_somebody_has_seen() -> None:
    """What is asked of a professional who appoints is asked of one who changes."""
    unseen = appointed(HERS, evidence=None, scope=ProxyScope(view=True))
    suspend = do(Proxy.suspend, TOM, reason="An enquiry")
    wider = do(Proxy.change_scope, TOM, scope=ProxyScope(contribute=True), reason="Asked for")
    again = do(Proxy.reinstate, TOM, reason="Nothing was found")
    given(unseen).when(wider).refused("authority-not-verified", "evidence")
    given(unseen, suspend).when(again).refused("authority-not-verified", "evidence")
    hers = do(Proxy.reinstate, HERS, reason="I trust her")
    assert given(unseen, suspend).when(hers).refusal is None


@pytest.mark.parametrize(
    ("evidence", "field"),
    [
        (Evidence(Document(), "Dr A. Quill-Synth", AT), "evidence.document"),
        (
            Evidence(Document(title="LPA"), "Dr Q", datetime.now(UTC) + timedelta(days=1)),
            "evidence.seen_at",
        ),
    ],
)
def test_what_shows_a_right_can_be_found_and_has_been_seen(evidence: Evidence, field: str) -> None:
    given().when(appointed(evidence=evidence)).refused("authority-not-verified", field)
    given(appointed()).when(do(Proxy.verify_authority, TOM, evidence=evidence)).refused(
        "authority-not-verified", field
    )


@pytest.mark.parametrize("authority", [ProxyAuthority.NOMINATION, ProxyAuthority.CONSULTEE])
def test_nobody_agrees_by_a_right_that_does_not_cover_it(authority: ProxyAuthority) -> None:
    code = "authority-does-not-cover-agreeing"
    given().when(appointed(authority=authority)).refused(code, "scope.agree")
    seeing = appointed(authority=authority, scope=ProxyScope(view=True))
    wider = do(Proxy.change_scope, TOM, scope=ProxyScope(agree=True), reason="Asked for")
    given(seeing).when(wider).refused(code, "scope.agree")


def test_a_right_is_verified_before_it_covers_agreeing() -> None:
    unseen = appointed(HERS, evidence=None, scope=ProxyScope(view=True))
    wider = do(Proxy.change_scope, TOM, scope=ProxyScope(agree=True), reason="Asked for")
    given(unseen).when(wider).refused("authority-not-verified", "evidence")
    verified = do(Proxy.verify_authority, TOM, evidence=EVIDENCE)
    assert given(unseen, verified).when(wider).refusal is None


def test_a_proxy_is_suspended_reinstated_and_revoked() -> None:
    suspend = do(Proxy.suspend, TOM, reason="An enquiry")
    reinstate = do(Proxy.reinstate, TOM, reason="Nothing was found")
    revoke = do(Proxy.revoke, HERS, reason="I decide myself")
    given(appointed()).when(reinstate).refused("proxy-not-suspended")
    given(appointed(), suspend).when(reinstate).then(
        happened(Proxy.Reinstated, suspended=False, reason="Nothing was found")
    )
    given(appointed()).when(revoke).then(happened(Proxy.Revoked, reason="I decide myself"))
    given(appointed(), revoke).when(suspend).refused("proxy-ended")
