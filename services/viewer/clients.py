"""The APIs that the pages are made from, asked with the reader's own token."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import httpx
import orjson

Json = Mapping[str, Any]

ANSWER_LIMIT: Final = 16 * 1024 * 1024
ALL: Final = "authorship,derived,findings,reviews"
"""What the page of a plan shows beside its entries."""

ENTRIES: Final = "withdrawn"
"""Only the entries, those that were taken out among them: for what they are called."""

OF_A_PAGE: Final = 50
"""Items of a page of a list."""

LAST_LOOK: Final = "last-look"

WAIT: Final = "wait=2"
"""How long the plan may wait for what this reader has just contributed (RFC 7240)."""

_UNAVAILABLE: Final = "unavailable"


@dataclass(frozen=True)
class Answer:
    """What an API has answered: its status, its JSON, and its headers."""

    status: int
    body: Json
    headers: Mapping[str, str]

    @property
    def is_good(self) -> bool:
        """True for what was asked for."""
        return httpx.codes.is_success(self.status)

    @property
    def code(self) -> str:
        """The code of a problem; empty where there is none."""
        return "" if self.is_good else str(self.body.get("code", ""))


@dataclass(frozen=True)
class Apis:
    """The APIs of the plan, of the audit and of the sections."""

    client: httpx.AsyncClient
    plan_address: str
    audit_address: str
    section_addresses: Mapping[str, str]

    async def plan(
        self, token: str, plan_id: UUID, position: str = "", include: str = ALL
    ) -> Answer:
        """The plan as it stands, at least as new as ``position``, with all that a page shows."""
        headers = {"Ledger-Min-Position": position, "Prefer": WAIT} if position else {}
        return await self._get(token, f"/v1/plans/{plan_id}", {"include": include}, headers)

    async def emergency(self, token: str, plan_id: UUID, reason: str = "") -> Answer:
        """What an emergency needs of a plan; with a ``reason`` also without a relationship."""
        urgent = {"Ledger-Purpose": "emergency", "Ledger-Reason": reason} if reason else {}
        return await self._get(token, f"/v1/plans/{plan_id}/emergency", {}, urgent)

    async def version(self, token: str, plan_id: UUID, version: int, include: str = ALL) -> Answer:
        """The plan of a version."""
        return await self._get(
            token, f"/v1/plans/{plan_id}/versions/{version}", {"include": include}
        )

    async def as_at(
        self, token: str, plan_id: UUID, instant: datetime, basis: str
    ) -> tuple[Answer, bool]:
        """The plan as it was at an instant, by one of three clocks.

        False where it comes without what rests on whole versions of a plan: by ``effective``
        always, by ``recorded`` where a version before had not been recorded by then.
        """
        path, asked = f"/v1/plans/{plan_id}", {"as_at": instant.isoformat(), "basis": basis}
        if basis != _EFFECTIVE:
            answer = await self._get(token, path, {"include": ALL, **asked})
            if answer.code != _NOT_SO or answer.status != httpx.codes.BAD_REQUEST:
                return answer, True
        return await self._get(token, path, {"include": "authorship", **asked}), False

    async def entries_at(self, token: str, plan_id: UUID, instant: datetime) -> Answer:
        """The entries of the plan at an instant, by what had been recorded."""
        asked = {"include": ENTRIES, "as_at": instant.isoformat()}
        return await self._get(token, f"/v1/plans/{plan_id}", asked)

    async def difference(self, token: str, plan_id: UUID, since: str, until: str = "") -> Answer:
        """What differs between two plans: both a version, or both an instant.

        Since ``LAST_LOOK``: since this reader was last shown the plan, half an hour ago or longer.
        """
        asked = {"from": since, **({"to": until} if until else {})}
        return await self._get(token, f"/v1/plans/{plan_id}/diff", asked)

    async def versions(self, token: str, plan_id: UUID, cursor: str = "") -> Answer:
        """The versions of a plan, newest first."""
        return await self._get(token, f"/v1/plans/{plan_id}/versions", _page(cursor))

    async def history(self, token: str, plan_id: UUID, cursor: str = "") -> Answer:
        """The contributions to a plan, newest first."""
        return await self._get(token, f"/v1/plans/{plan_id}/history", _page(cursor))

    async def contributions(
        self, token: str, plan_id: UUID, group_by: str, cursor: str = ""
    ) -> Answer:
        """How many contributions there are to a plan, by who made them and when."""
        asked = {"group_by": group_by, **_page(cursor), "limit": _MOST_OF_A_PAGE}
        return await self._get(token, f"/v1/plans/{plan_id}/contributions", asked)

    async def reviews(self, token: str, state: str = "", cursor: str = "") -> Answer:
        """The reviews of the plans of the reader's organisation, the most urgent first."""
        asked = {**({"state": state} if state else {}), **_page(cursor)}
        return await self._get(token, "/v1/reviews", asked)

    async def own_accesses(self, token: str, cursor: str = "") -> Answer:
        """Who has looked at the plan of the person whose token it is."""
        path = "/v1/audit/me/accesses"
        return await self._get(token, path, _page(cursor), address=self.audit_address)

    async def find(self, token: str, sought: Json) -> Answer:
        """The plans of whoever has all of these identifiers."""
        return await self._sent(token, self.plan_address + "/v1/people:search", sought)

    async def file(
        self, token: str, section: str, plan_id: UUID, sha256: str, part: Mapping[str, str]
    ) -> httpx.Response | Answer:
        """A file that an entry of the section names, to be read and closed; or why there is none.

        ``part`` are the headers that ask for a part of it (RFC 9110).
        """
        address = self.section_addresses.get(section)
        if address is None:
            return _AWAY
        request = self.client.build_request(
            "GET",
            f"{address}/v1/media/{sha256}",
            params={"plan_id": str(plan_id)},
            headers={**_headers(token), "Accept": "*/*", "Accept-Encoding": "identity", **part},
        )
        try:
            answer = await self.client.send(request, stream=True)
        except httpx.HTTPError:
            return _AWAY
        if answer.is_success:
            return answer
        return await _read(answer)

    async def contribute(self, token: str, section: str, contribution: Json) -> Answer:
        """Send a contribution to the front door of its section."""
        return await self._post(token, section, "/v1/contributions", contribution)

    async def validate(self, token: str, section: str, contribution: Json) -> Answer:
        """Ask what would be recorded; nothing is."""
        return await self._post(token, section, "/v1/contributions:validate", contribution)

    async def _get(
        self,
        token: str,
        path: str,
        parameters: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        *,
        address: str = "",
    ) -> Answer:
        request = self.client.build_request(
            "GET",
            (address or self.plan_address) + path,
            params=dict(parameters),
            headers={**_headers(token), **(headers or {})},
        )
        return await self._ask(request)

    async def _post(self, token: str, section: str, path: str, contribution: Json) -> Answer:
        address = self.section_addresses.get(section)
        return _AWAY if address is None else await self._sent(token, address + path, contribution)

    async def _sent(self, token: str, address: str, sent: Json) -> Answer:
        request = self.client.build_request(
            "POST",
            address,
            content=orjson.dumps(sent),
            headers={**_headers(token), "Content-Type": "application/json"},
        )
        return await self._ask(request)

    async def _ask(self, request: httpx.Request) -> Answer:
        """An API that cannot be reached, or says what is no JSON, is unavailable."""
        try:
            answer = await self.client.send(request, stream=True)
        except httpx.HTTPError:
            return _AWAY
        return await _read(answer)


async def _read(answer: httpx.Response) -> Answer:
    try:
        try:
            content = await _bounded(answer)
        finally:
            await answer.aclose()
        body = orjson.loads(content)
    except (httpx.HTTPError, ValueError):
        return _AWAY
    return Answer(answer.status_code, body if isinstance(body, dict) else {}, answer.headers)


_AWAY: Final = Answer(503, {"code": _UNAVAILABLE}, {})
_EFFECTIVE: Final = "effective"
_NOT_SO: Final = "parameter-invalid"
_MOST_OF_A_PAGE: Final = "200"


def _page(cursor: str) -> dict[str, str]:
    return {"limit": str(OF_A_PAGE), **({"cursor": cursor} if cursor else {})}


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


async def _bounded(answer: httpx.Response) -> bytes:
    parts, size = [], 0
    async for part in answer.aiter_bytes():
        size += len(part)
        if size > ANSWER_LIMIT:
            raise ValueError("the answer is too long")
        parts.append(part)
    return b"".join(parts)
