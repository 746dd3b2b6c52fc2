"""Examples of the care team section: who looks after Edie, who is close to her, who may act."""

from typing import Final

from shared.ledger.example import ExamplesOf, examples_of_every_entry

COMMANDS: Final = "careplan.care-team.commands."
example: Final = ExamplesOf(COMMANDS)
PERSON: Final = {"recorded_by_kind": "person", "organisation": None, "role": None}
ON_HER_WORD: Final = {"stated_by_kind": "person"}
COORDINATOR: Final = {"role": "care-coordinator"}
COUNCIL: Final = {"organisation": "ZZL01", "role": "social-worker"}
PRIVACY_OFFICER: Final = {"role": "privacy-officer", "organisation": "ZZL01"}
TRUST: Final = {"ods": "ZZC01", "name": "Northmoor Community NHS Trust (synthetic)"}

_TOM: Final = {
    "organisation": TRUST,
    "name": "Tom Okafor-Synth",
    "role": {"text": "Physiotherapist"},
    "speciality": {"text": "Falls and frailty"},
    "team": "Falls service",
    "contact_details": ["01632 960120"],
    "starts_at": "2026-03-10T09:00:00Z",
}
_PROFESSIONAL: Final = (
    example("join the care team", "professional-contact-join", _TOM, "tom"),
    example(
        "the person names somebody of another organisation",
        "professional-contact-join",
        {"organisation": {"ods": "ZZL01"}, "role": {"text": "Social worker"}},
        "sam",
        **PERSON,
    ),
    example(
        "put somebody of another organisation into the care team",
        "professional-contact-join",
        {**_TOM, "organisation": {"ods": "ZZL01"}},
        "nobody",
        "not-your-organisation",
    ),
    example(
        "join without saying who",
        "professional-contact-join",
        {"organisation": TRUST, "contact_details": ["01632 960120"]},
        "nobody",
        "contact-needs-name-role-or-team",
    ),
    example(
        "join with a way to be reached that says nothing",
        "professional-contact-join",
        {**_TOM, "contact_details": [" "]},
        "nobody",
        "needs-code-or-text",
    ),
    example(
        "join until before the beginning",
        "professional-contact-join",
        {**_TOM, "ends_at": "2026-03-09T09:00:00Z"},
        "nobody",
        "ends-before-it-starts",
    ),
    example(
        "change the details",
        "professional-contact-change-details",
        {"team": "Falls and balance service", "speciality": None},
        "tom",
    ),
    example(
        "take away what they are known by",
        "professional-contact-change-details",
        {"name": None, "role": None, "team": None},
        "tom",
        "contact-needs-name-role-or-team",
    ),
    example(
        "stand down who is no key worker",
        "professional-contact-stand-down-key-worker",
        {},
        "tom",
        "not-key-worker",
        **COORDINATOR,
    ),
    example(
        "name the key worker", "professional-contact-name-key-worker", {}, "tom", **COORDINATOR
    ),
    example(
        "name the key worker again",
        "professional-contact-name-key-worker",
        {},
        "tom",
        "already-key-worker",
        **COORDINATOR,
    ),
    example(
        "stand down as key worker",
        "professional-contact-stand-down-key-worker",
        {},
        "tom",
        **COORDINATOR,
    ),
    example(
        "rejoin without having left",
        "professional-contact-rejoin",
        {},
        "tom",
        "contact-has-not-left",
    ),
    example("leave without a reason", "professional-contact-leave", {}, "tom", "reason-missing"),
    example(
        "leave before the beginning",
        "professional-contact-leave",
        {"reason": "A slip", "ends_at": "2026-01-01T09:00:00Z"},
        "tom",
        "ends-before-it-starts",
    ),
    example(
        "leave the care team",
        "professional-contact-leave",
        {"reason": "The programme is over", "ends_at": "2026-06-10T09:00:00Z"},
        "tom",
    ),
    example(
        "change the details of somebody who has left",
        "professional-contact-change-details",
        {"team": "Falls service"},
        "tom",
        "contact-has-left",
    ),
    example(
        "rejoin the care team",
        "professional-contact-rejoin",
        {"starts_at": "2026-09-01T09:00:00Z"},
        "tom",
    ),
    *examples_of_every_entry(f"{COMMANDS}professional-contact-", "tom"),
)

_RUTH: Final = {
    "name": "Ruth Marlow-Synth",
    "relationship": {"text": "daughter"},
    "roles": ["carer", "next of kin", "emergency contact"],
    "contact_details": ["07700 900101"],
    "comments": "Works nights; ring after noon",
}
_PERSONAL: Final = (
    example("name a personal contact", "personal-contact-name", _RUTH, "ruth", **ON_HER_WORD),
    example(
        "name a nephew",
        "personal-contact-name",
        {"name": "Keith Pell-Synth", "relationship": {"text": "nephew"}},
        "keith",
        **PERSON,
    ),
    example(
        "name nobody",
        "personal-contact-name",
        {"name": " "},
        "stranger",
        "contact-needs-a-name",
        **PERSON,
    ),
    example(
        "name somebody with a role that says nothing",
        "personal-contact-name",
        {**_RUTH, "roles": [""]},
        "stranger",
        "needs-code-or-text",
        **PERSON,
    ),
    example(
        "change the details",
        "personal-contact-change-details",
        {"contact_details": ["07700 900102"], "comments": None},
        "ruth",
        **PERSON,
    ),
    example(
        "change the name to nothing",
        "personal-contact-change-details",
        {"name": ""},
        "ruth",
        "contact-needs-a-name",
        **PERSON,
    ),
    example(
        "lift what was never excluded",
        "personal-contact-lift-exclusion",
        {"reason": "We are friends again"},
        "keith",
        "contact-not-excluded",
        **PERSON,
    ),
    example(
        "exclude the nephew",
        "personal-contact-exclude",
        {"reason": "He must not be told where I am"},
        "keith",
        **PERSON,
        provenance={"stated_at": "2026-09-02T09:00:00Z"},
    ),
    example(
        "exclude him again",
        "personal-contact-exclude",
        {"reason": "Still"},
        "keith",
        "contact-already-excluded",
        **PERSON,
    ),
    example(
        "lift the exclusion",
        "personal-contact-lift-exclusion",
        {"reason": "We are friends again"},
        "keith",
        **PERSON,
    ),
    example(
        "resume a current contact",
        "personal-contact-resume",
        {},
        "keith",
        "contact-not-set-aside",
        **PERSON,
    ),
    example(
        "set a contact aside",
        "personal-contact-set-aside",
        {"reason": "He has moved abroad"},
        "keith",
        **PERSON,
    ),
    example(
        "exclude a contact that was set aside",
        "personal-contact-exclude",
        {"reason": "Still"},
        "keith",
        "contact-already-set-aside",
        **PERSON,
    ),
    example(
        "resume a contact without her word",
        "personal-contact-resume",
        {},
        "keith",
        "role-may-not-contribute",
    ),
    example("resume a contact", "personal-contact-resume", {}, "keith", **PERSON),
    *examples_of_every_entry(f"{COMMANDS}personal-contact-", "ruth"),
)

_CASELOAD: Final = {
    "organisation": TRUST,
    "kind": "caseload",
    "reason": "Falls programme",
    "lawful_basis": {"value": "direct-care"},
    "live_from": "2026-03-10T00:00:00Z",
    "live_until": "2026-12-31T00:00:00Z",
    "scope": {"labels": ["mental-health"], "contribute": True},
}
_RELATIONSHIP: Final = (
    example("establish a relationship", "relationship-establish", _CASELOAD, "r1"),
    example(
        "establish a second one of the kind",
        "relationship-establish",
        _CASELOAD,
        "r0",
        "relationship-already-live",
    ),
    example(
        "establish one without a reason",
        "relationship-establish",
        {**_CASELOAD, "kind": "referral", "reason": " "},
        "r0",
        "relationship-needs-a-reason",
    ),
    example(
        "establish one with an organisation that nobody could prove",
        "relationship-establish",
        {**_CASELOAD, "organisation": {"name": "The trust"}},
        "r0",
        "needs-code-or-text",
    ),
    example(
        "establish one for another organisation",
        "relationship-establish",
        {**_CASELOAD, "organisation": {"ods": "ZZL01"}},
        "r0",
        "organisation-claim-differs",
    ),
    example(
        "the person establishes one with whom they like",
        "relationship-establish",
        {**_CASELOAD, "organisation": {"ods": "ZZL01"}, "kind": "social-care"},
        "r2",
        **PERSON,
    ),
    example(
        "establish one that ends before it begins",
        "relationship-establish",
        {**_CASELOAD, "kind": "referral", "live_until": "2026-03-01T00:00:00Z"},
        "r0",
        "ends-before-it-starts",
    ),
    example(
        "claim a relationship for a year",
        "relationship-establish",
        {**_CASELOAD, "kind": "self-claimed"},
        "r0",
        "self-claimed-too-long",
    ),
    example(
        "claim a relationship for a month",
        "relationship-establish",
        {**_CASELOAD, "kind": "self-claimed", "live_until": None},
        "r3",
    ),
    example(
        "extend it to an earlier day",
        "relationship-extend",
        {"live_until": "2026-06-01T00:00:00Z", "reason": "A slip"},
        "r1",
        "not-an-extension",
    ),
    example(
        "extend it for another organisation",
        "relationship-extend",
        {"live_until": "2027-06-01T00:00:00Z", "reason": "They asked"},
        "r1",
        "organisation-claim-differs",
        **COUNCIL,
    ),
    example(
        "extend what was claimed by a year",
        "relationship-extend",
        {"live_until": "2999-01-01T00:00:00Z", "reason": "Still on our list"},
        "r3",
        "self-claimed-too-long",
    ),
    example(
        "extend the relationship",
        "relationship-extend",
        {"live_until": "2027-06-30T00:00:00Z", "reason": "The programme goes on"},
        "r1",
    ),
    example(
        "change the scope",
        "relationship-change-scope",
        {
            "scope": {"sections": ["goals", "needs"], "contribute": False},
            "reason": "As she prefers",
        },
        "r1",
        **PRIVACY_OFFICER,
    ),
    example(
        "record what she said about sharing",
        "relationship-record-preference",
        {"preference": {"said": "share-with-limits", "stated_at": "2026-03-10T09:00:00Z"}},
        "r1",
        **PERSON,
    ),
    example(
        "lift an objection that nobody made",
        "relationship-lift-objection",
        {},
        "r1",
        "no-objection",
        **PERSON,
    ),
    example(
        "release without an objection",
        "relationship-release",
        {"reason": "Urgent", "approved_by": "Dr G", "until": "2999-01-01T00:00:00Z"},
        "r1",
        "no-objection",
        **PRIVACY_OFFICER,
    ),
    example(
        "object to it",
        "relationship-object",
        {"reason": "A neighbour works there", "scope": {"sections": ["needs"]}},
        "r1",
        **PERSON,
        provenance={"stated_at": "2026-04-01T09:00:00Z"},
    ),
    example(
        "object again",
        "relationship-object",
        {"reason": "Still"},
        "r1",
        "already-objected",
        **PERSON,
    ),
    example(
        "release with nobody's approval",
        "relationship-release",
        {"reason": "She cannot be asked", "until": "2999-01-01T00:00:00Z"},
        "r1",
        "release-needs-an-approver",
        **PRIVACY_OFFICER,
    ),
    example(
        "release in spite of the objection",
        "relationship-release",
        {
            "reason": "She cannot be asked, and is in danger",
            "approved_by": "Caldicott guardian of ZZL01",
            "until": "2999-01-01T00:00:00Z",
        },
        "r1",
        **PRIVACY_OFFICER,
    ),
    example(
        "a professional lifts the objection",
        "relationship-lift-objection",
        {},
        "r1",
        "only-the-person-lifts-an-objection",
    ),
    example("lift the objection", "relationship-lift-objection", {}, "r1", **PERSON),
    example(
        "object without saying why",
        "relationship-object",
        {},
        "r1",
        **PERSON,
        provenance={"stated_at": "2026-05-01T09:00:00Z"},
    ),
    example("end the relationship", "relationship-end", {"reason": "She was discharged"}, "r1"),
    example(
        "extend what has ended",
        "relationship-extend",
        {"live_until": "2999-01-01T00:00:00Z", "reason": "Once more"},
        "r1",
        "relationship-ended",
    ),
    example("establish it anew after it ended", "relationship-establish", _CASELOAD, "r4"),
    *examples_of_every_entry(f"{COMMANDS}relationship-", "r4"),
)

_EVIDENCE: Final = {
    "document": {"title": "Lasting power of attorney", "held_at": "Larkfield Surgery"},
    "seen_by": "Dr A. Quill-Synth",
    "seen_at": "2026-02-03T11:00:00Z",
}
_PROXY: Final = {
    "party": {
        "kind": "related-person",
        "name": "Ruth Marlow-Synth",
        "relationship": "daughter",
        "identifiers": [{"kind": "sub", "value": "ruth"}],
    },
    "authority": "lpa",
    "evidence": _EVIDENCE,
    "scope": {"view": True, "contribute": True, "agree": True},
    "live_from": "2026-02-03T00:00:00Z",
}
_ACTS: Final = (
    example("appoint a proxy", "proxy-appoint", _PROXY, "ruth-proxy"),
    example(
        "the person nominates somebody",
        "proxy-appoint",
        {
            "party": {"kind": "related-person", "name": "Joan Pell-Synth"},
            "authority": "nomination",
            "scope": {"view": True},
            "live_from": "2026-02-03T00:00:00Z",
        },
        "joan-proxy",
        **PERSON,
    ),
    example(
        "appoint nobody",
        "proxy-appoint",
        {**_PROXY, "party": {}},
        "p0",
        "needs-code-or-text",
    ),
    example(
        "appoint somebody by no right",
        "proxy-appoint",
        {**_PROXY, "authority": None},
        "p0",
        "proxy-needs-an-authority",
    ),
    example(
        "appoint somebody whose right nobody has seen",
        "proxy-appoint",
        {**_PROXY, "evidence": None},
        "p0",
        "authority-not-verified",
    ),
    example(
        "let somebody who is consulted agree",
        "proxy-appoint",
        {**_PROXY, "authority": "consultee"},
        "p0",
        "authority-does-not-cover-agreeing",
    ),
    example(
        "appoint somebody until before the beginning",
        "proxy-appoint",
        {**_PROXY, "live_until": "2026-01-01T00:00:00Z"},
        "p0",
        "ends-before-it-starts",
    ),
    example(
        "verify the authority", "proxy-verify-authority", {"evidence": _EVIDENCE}, "ruth-proxy"
    ),
    example(
        "let somebody who was nominated agree",
        "proxy-change-scope",
        {"scope": {"view": True, "agree": True}, "reason": "She asked for it"},
        "joan-proxy",
        "authority-does-not-cover-agreeing",
        **PERSON,
    ),
    example(
        "change the scope",
        "proxy-change-scope",
        {"scope": {"view": True, "sections": ["about-me"]}, "reason": "As she prefers"},
        "ruth-proxy",
        **PERSON,
    ),
    example(
        "reinstate who is not suspended",
        "proxy-reinstate",
        {"reason": "A slip"},
        "ruth-proxy",
        "proxy-not-suspended",
        **PERSON,
    ),
    example(
        "suspend the proxy", "proxy-suspend", {"reason": "A safeguarding enquiry"}, "ruth-proxy"
    ),
    example(
        "reinstate the proxy", "proxy-reinstate", {"reason": "Nothing was found"}, "ruth-proxy"
    ),
    example(
        "revoke the proxy", "proxy-revoke", {"reason": "I decide myself"}, "joan-proxy", **PERSON
    ),
    example(
        "suspend who was revoked",
        "proxy-suspend",
        {"reason": "An enquiry"},
        "joan-proxy",
        "proxy-ended",
    ),
    *examples_of_every_entry(f"{COMMANDS}proxy-", "ruth-proxy"),
)

EXAMPLES: Final = (*_PROFESSIONAL, *_PERSONAL, *_RELATIONSHIP, *_ACTS)
