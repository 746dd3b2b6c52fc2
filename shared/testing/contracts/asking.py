"""Sends requests to a running service, and notes each answer that is not as it must be."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import orjson

from shared.testing.contracts.holding import BreaksContract, must_hold

_MOST_SHOWN: Final = 300
_CONTRIBUTIONS: Final = "/v1/contributions"


@dataclass
class Asking:
    """One running service, and what its answers were; what is wrong stands in ``faults``."""

    service: str
    client: httpx.AsyncClient
    url: str = ""
    """Where the service is, if not where the client asks anyway."""
    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    async def ask(self, method: str, path: str, how: str, **others: Any) -> httpx.Response | None:
        """The answer; ``None`` where it breaks the contract. ``others`` are httpx's."""
        try:
            answer = await self.client.request(method, self.url + path, **others)
            must_hold(self.service, answer)
        except BreaksContract as error:
            self.faults.append(f"{how}: {error}")
            return None
        except httpx.TransportError as error:
            self.faults.append(f"{how}: {method} {path[:_MOST_SHOWN]}: no answer: {error!r}")
            return None
        self.statuses[answer.status_code] += 1
        asked = f"{how}: {method} {path[:_MOST_SHOWN]}: {answer.status_code}"
        if answer.is_server_error and not _is_explained(answer):
            sent = bytes(others.get("content") or b"")[:_MOST_SHOWN]
            self.faults.append(f"{asked} {answer.text[:_MOST_SHOWN]} for {sent!r}")
        if answer.is_error and method != "HEAD":
            if answer.headers.get("content-type") != "application/problem+json":
                self.faults.append(f"{asked} is no problem")
                return answer
            self.codes[answer.json()["code"]] += 1
        return answer

    async def post(
        self, body: Any, by: Mapping[str, str], how: str, path: str = _CONTRIBUTIONS
    ) -> httpx.Response | None:
        """Send a body as a contribution or a batch; bytes go as they are."""
        headers = {"Content-Type": "application/json", **by}
        return await self.ask("POST", path, how, content=written(body), headers=headers)


def _is_explained(answer: httpx.Response) -> bool:
    """Busy for the moment, and says when to come again."""
    is_busy = answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    return is_busy and "retry-after" in answer.headers


def written(body: Any) -> bytes:
    """As JSON; what JSON has no form for goes as Python shows it."""
    if isinstance(body, bytes):
        return body
    try:
        return orjson.dumps(body)
    except (TypeError, orjson.JSONEncodeError):  # such as a number that JSON has not
        return repr(body).encode("utf-8", "replace")
