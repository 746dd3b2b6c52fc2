"""Every kind of caller of the whole stack, and what each may see and do: said here once more.

Nothing here asks the policy of the services. What each may see follows from the words of the
standard and of the contracts, written out by hand.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from joserfc.jwk import ECKey

from shared.cli.token import ALGORITHM, Signer, person, professional, related_person, system

A, B = "a", "b"
"""Two plans; nobody has to do with both."""

_ROLES_WITHOUT_PLANS: Final = (
    ("auditor", "ZZG09"),
    ("privacy-officer", "ZZC01"),
    ("caldicott-guardian", "ZZX01"),
    ("registration-service", "ZZG09"),
    ("pds-connection", "ZZP01"),
    ("data-quality", "ZZG09"),
)


@dataclass(frozen=True)
class Caller:
    """Somebody, by what they send; ``tag`` stands in their name and nowhere else."""

    name: str
    headers: Mapping[str, str]
    tag: str = ""
    kind: str = ""
    role: str = ""
    organisation: str = ""
    plan: str = ""
    """The plan that they may see something of, by a relationship or because it is theirs."""
    contributes_to: str = ""
    """The plan that they may only change, by the commands that name their role."""
    is_proven: bool = True

    @property
    def may_break_the_glass(self) -> bool:
        """A professional whose role reads plans."""
        return self.kind == "professional" and self.role in ("nurse", "gp", "paramedic")


def callers(signer: Signer, plans: Mapping[str, UUID], folder: Path) -> Iterator[Caller]:
    """Each kind once or more."""
    yield from _professionals(signer)
    yield from _people(signer, plans)
    yield from _strangers_to_the_issuer(signer, folder)


def _professionals(signer: Signer) -> Iterator[Caller]:
    for name, org, role, plan in (
        ("opener", "ZZG01", "gp", A),
        ("related", "ZZC01", "nurse", A),
        ("narrow", "ZZL09", "nurse", A),
        ("cleared", "ZZM02", "nurse", A),
        ("elsewhere", "ZZH01", "gp", B),
        ("unrelated", "ZZX01", "nurse", ""),
        ("paramedic", "ZZA01", "paramedic", ""),
        ("operator", "ZZG09", "operator", ""),
        ("monitor", "ZZG09", "monitor", ""),
        *((role, org, role, "") for role, org in _ROLES_WITHOUT_PLANS),
    ):
        tag = _tag()
        claims = professional(org, role, f"Dr {tag}-Synth", sub=tag)
        changes = A if role == "privacy-officer" else ""
        headers = _bearer(signer, claims)
        yield Caller(name, headers, tag, "professional", role, org, plan, changes)
    for name, org, plan in (("related system", "ZZC01", A), ("unrelated system", "ZZX01", "")):
        tag = _tag()
        claims = system(org, f"EPR {tag}", sub=tag)
        yield Caller(name, _bearer(signer, claims), tag, "system", "", org, plan)


def _people(signer: Signer, plans: Mapping[str, UUID]) -> Iterator[Caller]:
    for plan in (A, B):
        tag = _tag()
        claims = person(str(plans[plan]), f"Edith {tag}-Synth", sub=tag)
        yield Caller(f"person {plan}", _bearer(signer, claims), tag, "person", plan=plan)
    for name, of, plan in (
        ("proxy", str(plans[A]), A),
        ("no proxy", str(plans[A]), ""),
        ("proxy of nobody", str(uuid4()), ""),
    ):
        tag = _tag()
        claims = related_person(of, f"Ruth {tag}-Synth", sub=tag)
        yield Caller(name, _bearer(signer, claims), tag, "related-person", plan=plan)
    claims = related_person(str(uuid4()), "Ruth-Synth")
    del claims["careplan"]["person"]
    yield Caller("relative of nobody named", _bearer(signer, claims), kind="related-person")


def _strangers_to_the_issuer(signer: Signer, folder: Path) -> Iterator[Caller]:
    nurse = professional("ZZC01", "nurse", "Tom Okafor-Synth")
    complete = signer.complete(nurse, valid_for=3_600)
    key = folder / "another-key.json"
    another = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
    key.write_text(json.dumps(another.as_dict(private=True)))
    head, body, _ = signer.encode(complete).split(".")
    for name, token in (
        ("expired", signer.encode(signer.complete(nurse, valid_for=-7_200))),
        ("for somebody else", signer.encode({**complete, "aud": "another-service"})),
        ("from somebody else", signer.encode({**complete, "iss": "https://issuer.example"})),
        ("forged", Signer(signer.issuer, key).encode(complete)),
        ("without signature", f"{head}.{body}."),
        ("nonsense", "nonsense"),
    ):
        headers = {"Authorization": f"Bearer {token}"}
        yield Caller(name, headers, is_proven=False)
    yield Caller("no token", {}, is_proven=False)
    yield Caller("basic", {"Authorization": "Basic bnVyc2U6bnVyc2U="}, is_proven=False)


def _bearer(signer: Signer, claims: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {signer.sign(claims)}"}


def _tag() -> str:
    """A word that stands nowhere else."""
    return f"q{uuid4().hex[:10]}q"
