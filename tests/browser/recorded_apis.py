"""The APIs as they once answered: what a stack with the five example plans said, kept in files."""

import copy
import gzip
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import httpx

RECORDED = Path(__file__).with_name("recorded")
EDITH = "3ae6ef81-5ace-5780-905e-b4f26c5d67dc"

_PLAN = re.compile(r"/v1/plans/([0-9a-f-]{36})(/.*)?")


@cache
def recorded() -> dict[str, dict[str, Any]]:
    """What was answered about each plan, by its id and the rest of the path."""
    told: dict[str, dict[str, Any]] = {}
    for path in sorted(RECORDED.glob("*.json.gz")):
        one = json.loads(gzip.decompress(path.read_bytes()))
        told[one["plan_id"]] = one["answers"]
    return told


def _newest(answers: dict[str, Any]) -> dict[str, str]:
    return {"Ledger-Current-Version": str(answers[""]["plan_version"])}


ACCESSES: tuple[dict[str, Any], ...] = (
    {
        "access_id": "01a23020-8254-77f3-b103-c75973c57c60",
        "at": "2026-11-21T03:58:00Z",
        "who": {
            "role": "paramedic",
            "organisation": {"ods": "ZZA01", "name": "Northmoor Ambulance (synthetic)"},
            "name": None,
        },
        "what": {"view": "emergency", "sections": [], "words": "Your emergency view"},
        "why": {"purpose": "emergency", "words": "In an emergency"},
        "how": "read",
        "was_emergency": True,
    },
    {
        "access_id": "01a23020-8254-77f3-b103-c75973c57c61",
        "at": "2026-10-02T09:00:00Z",
        "who": {"role": "gp", "organisation": {"ods": "ZZG01"}, "name": None},
        "what": {"view": "plan", "sections": [], "words": "Your plan"},
        "why": {"purpose": "direct-care", "words": "To care for you"},
        "how": "read",
        "was_emergency": False,
    },
)


REVIEWS: tuple[dict[str, Any], ...] = (
    {
        "plan_id": EDITH,
        "person": {
            "name": {"first": "Edith", "family": "Marlow-Synth"},
            "date_of_birth": "1938-03-14",
        },
        "entry_id": "022f6b80-0000-5000-8000-000000000001",
        "subject": {
            "section": "contingency-plans",
            "entry_id": "9bc22148-0000-5000-8000-000000000001",
        },
        "subject_type": "contingency-plan",
        "due_on": "2026-09-24",
        "state": "overdue",
        "days": -68,
        "responsible": {
            "name": "Priya Raman-Synth",
            "role": {"text": "care coordinator"},
            "organisation": {"ods": "ZZG01", "name": "Larkfield Surgery (synthetic)"},
            "contact": "01632 960 101",
        },
        "last_read_at": "2026-11-28T10:20:00Z",
    },
    {
        "plan_id": "b4ddc87b-4f24-56b6-b4a1-3c6d611ea281",
        "person": {"name": {"first": "Tariq", "family": "Example-Synth"}, "date_of_birth": None},
        "entry_id": "022f6b80-0000-5000-8000-000000000002",
        "subject": "plan",
        "subject_type": "plan",
        "due_on": None,
        "state": "without-date",
        "days": None,
        "responsible": None,
        "last_read_at": None,
    },
    {
        "plan_id": "0643d5ee-0113-5cc2-a335-b47ed3e8cb91",
        "person": {"name": None, "date_of_birth": None},
        "entry_id": "022f6b80-0000-5000-8000-000000000003",
        "subject": {
            "section": "support-plans",
            "entry_id": "2db8d82b-0000-5000-8000-000000000001",
        },
        "subject_type": "support-plan",
        "due_on": "2026-12-10",
        "state": "due",
        "days": 9,
        "responsible": {"name": "Moira Kerr-Synth"},
        "last_read_at": None,
    },
)


_NOT_JUDGED: dict[str, Any] = {
    "type": "https://errors.careplan.local/parameter-invalid",
    "title": "A parameter cannot be used",
    "status": 400,
    "code": "parameter-invalid",
    "detail": "`include=derived,findings,reviews` rests on whole versions of the plan, and is not "
    "worked out of what applied (`basis=effective`): ask with `basis=visible`, or for a `version`.",
}
NOT_JUDGED = 400, _NOT_JUDGED
"""How the plan refuses what rests on whole versions, of an instant that is of none."""


class RecordedApis:
    """Answers as the APIs did. ``asked`` has every request; ``lag`` and ``refuses`` change them.

    ``change`` is done to every answer about a plan but a difference.
    With ``has_gaps`` no instant is of a whole version by what was recorded.
    With ``override_ends`` nobody has a relationship; whoever breaks the glass is let in until then.
    ``files`` are those of every section, by their hash. ``looked`` is when the reader last looked.
    """

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.lag = "0"
        self.accesses: list[dict[str, Any]] = list(ACCESSES)
        self.is_away = False
        self.change: Callable[[dict[str, Any]], None] | None = None
        self.refuses: tuple[int, dict[str, Any]] | None = None
        self.override_ends = ""
        self.has_gaps = False
        self.posts: dict[str, tuple[int, dict[str, Any]]] = {}
        self.reviews: list[dict[str, Any]] = list(REVIEWS)
        self.files: dict[str, tuple[str, bytes]] = {}
        self.looked: dict[str, Any] | None = None

    @property
    def transport(self) -> httpx.AsyncBaseTransport:
        """In place of the network."""
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.is_away:
            raise httpx.ConnectError("away")
        refused = NOT_JUDGED if self._is_of_no_version(request) else self.refuses
        if refused is not None:
            status, body = refused
            return httpx.Response(status, json=body)
        if "as_at" in request.url.params:
            request = httpx.Request("GET", f"{request.url.copy_with(query=None)}/versions/36")
        if request.url.path.startswith("/v1/media/"):
            return self._file(request)
        lists = {"/v1/audit/me/accesses": self.accesses, "/v1/reviews": self.reviews}
        if request.method == "POST":
            status, body = self.posts[request.url.path]
        elif request.url.path in lists:
            status, body = 200, {"items": lists[request.url.path], "next": None}
        else:
            return self._of_a_plan(request)
        return httpx.Response(status, json=body)

    def _of_a_plan(self, request: httpx.Request) -> httpx.Response:
        found = _PLAN.fullmatch(request.url.path)
        answers = recorded().get(found[1], {}) if found else {}
        counted = request.url.params.get("group_by")
        rest = (found[2] or "") if found else ""
        known = answers.get(f"{rest}?group_by={counted}" if counted else rest)
        if known is None:
            return httpx.Response(404, json={"code": "not-found", "title": "Not found"})
        headers = {"Ledger-Lag": self.lag, **_newest(answers)}
        if self.override_ends:
            if request.headers.get("ledger-purpose") != "emergency":
                return httpx.Response(403, json={"code": "no-live-relationship"})
            headers["Ledger-Override-Ends"] = self.override_ends
        known = copy.deepcopy(known)
        if request.url.params.get("from") == "last-look":
            known["from"] = self.looked or {"plan_version": 0, "at": None, "access_id": None}
        if self.change is not None and rest != "/diff":
            self.change(known)
        return httpx.Response(200, json=known, headers=headers)

    def _file(self, request: httpx.Request) -> httpx.Response:
        mime, content = self.files.get(request.url.path.rpartition("/")[2], ("", b""))
        if not content:
            problem = {"code": "media-unknown", "title": "There is no such file"}
            return httpx.Response(404, json=problem)
        part = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        headers = {"Content-Type": mime, "Accept-Ranges": "bytes", "Set-Cookie": "theirs=1"}
        if part is None:
            return httpx.Response(200, content=content, headers=headers)
        begin, end = int(part[1]), int(part[2]) + 1
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(content)}"
        return httpx.Response(206, content=content[begin:end], headers=headers)

    def _is_of_no_version(self, request: httpx.Request) -> bool:
        asked = request.url.params
        has_no_version = asked.get("basis") == "effective" or self.has_gaps
        return "as_at" in asked and has_no_version and "derived" in asked.get("include", "")
