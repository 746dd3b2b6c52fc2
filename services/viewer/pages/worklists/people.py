"""Finding somebody's plan by two things that identify them; nothing of it stands in an address."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.viewer.clients import Json
from services.viewer.pages.plan import PlanScreens
from services.viewer.pages.screens import Screens
from shared.chassis.wire.problem import Problem
from shared.ledger import PROFESSIONAL

FIELDS: Final[Mapping[str, str]] = {
    "nhs_number": "NHS number",
    "date_of_birth": "Date of birth",
    "family": "Family name",
    "first": "First name",
    "postcode": "Postcode",
}
"""What a person may be found by, in words."""

_STATES: Final = {"open": "Open", "ended": "Has ended", "merged": "Goes on in another plan"}
_RELATIONSHIPS: Final = {
    "live": "Your organisation looks after this person",
    "ended": "Your organisation no longer looks after this person",
    "none": "Your organisation has no relationship with this person",
}
_LONGEST: Final = 100


@dataclass(frozen=True)
class Found:
    """A plan that was found: where it opens, and for whom."""

    path: str
    emergency: str
    state: str
    relationship: str
    may_open: bool


def people_routes(of: PlanScreens) -> APIRouter:
    """``/people``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/people")
    async def people(request: Request) -> Response:
        """Asks who is looked for."""
        _must_be_a_professional(of.screens, request)
        return _page(request, {})

    @router.post("/people")
    async def found(request: Request) -> Response:
        """The plans of whoever has all that was written."""
        _must_be_a_professional(of.screens, request)
        session = of.screens.session(request)
        form = await of.screens.form(request)
        sought = {
            name: form[name].strip()[:_LONGEST] for name in FIELDS if form.get(name, "").strip()
        }
        if "nhs_number" in sought:
            sought["nhs_number"] = "".join(sought["nhs_number"].split())
        answer = await of.apis.find(session.token, sought)
        if answer.code == "content-invalid":
            return _page(request, sought, no=_no_of(answer.body))
        if not answer.is_good:
            return of.screens.problem(request, answer)
        plans = tuple(_found(one) for one in answer.body.get("items") or ())
        return _page(request, sought, plans=plans)

    def _page(
        request: Request,
        sought: Mapping[str, str],
        *,
        no: str = "",
        plans: tuple[Found, ...] | None = None,
    ) -> Response:
        written = {name: sought.get(name, "") for name in FIELDS}
        return of.screens.page(
            request,
            "people.html",
            status=422 if no else 200,
            fields=FIELDS,
            sought=written,
            no=no,
            plans=plans,
        )

    return router


def _must_be_a_professional(screens: Screens, request: Request) -> None:
    if screens.session(request).kind != PROFESSIONAL:
        raise Problem("not-permitted", "Only professionals look for other people's plans.")


def _no_of(problem: Json) -> str:
    """What is wrong, field by field where the API says so."""
    errors = [
        f"{FIELDS[name]}: {error.get('message')}"
        for error in problem.get("errors") or ()
        if (name := str(error.get("pointer", "")).lstrip("/").partition("/")[0]) in FIELDS
    ]
    others = [
        str(error["message"]) for error in problem.get("errors") or () if not error["pointer"]
    ]
    return " ".join([*errors, *others]) or _TOO_FEW


_TOO_FEW: Final = (
    "Give the NHS number with the date of birth or the family name; or the family name, the first "
    "name, the date of birth and the postcode."
)


def _found(one: Json) -> Found:
    plan_id = str(one.get("merged_into") or one["plan_id"])
    relationship = str(one.get("relationship"))
    return Found(
        path=f"/plans/{plan_id}",
        emergency=f"/plans/{plan_id}/emergency",
        state=_STATES.get(str(one.get("state")), ""),
        relationship=_RELATIONSHIPS.get(relationship, ""),
        may_open=relationship == "live",
    )
