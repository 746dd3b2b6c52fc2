"""Requests to the services of a running stack, in somebody's name."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer

from shared.cli import running_stack
from shared.cli.output import fail
from shared.cli.token import Signer, professional, signed, system

_PATIENCE: Final = 15.0  # seconds; a section answers after 10 at most

Token = Annotated[
    str,
    typer.Option(
        "--token",
        envvar="CAREPLAN_TOKEN",
        show_default=False,
        help="A bearer token of your own; left out, one is made of the next three.",
    ),
]
Org = Annotated[str, typer.Option("--org", help="The organisation that asks.")]
Role = Annotated[str, typer.Option("--role", help="The role of whoever asks.")]
Name = Annotated[str, typer.Option("--name", help="Their name; invented people only.")]

ORG: Final = "ZZG01"
ROLE: Final = "gp"
NAME: Final = "Dr A. Quill-Synth"


@dataclass(frozen=True)
class Answer:
    """A status, and the JSON that came with it."""

    status: int
    told: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def is_good(self) -> bool:
        """True where it is what was asked for."""
        return self.status < httpx.codes.BAD_REQUEST

    @property
    def problem(self) -> str:
        """What is wrong, in one line, where it is not."""
        told = self.told
        column = f" (column {told['column']})" if "column" in told else ""
        return f"{told.get('title', 'No')} ({told.get('code')}): {told.get('detail', '')}{column}"


class NoAnswer(Exception):
    """A service did not answer, or not in JSON; the message says which in one line."""


class Stack:
    """The services of one running stack, asked with one token."""

    def __init__(self, folder: Path, token: str, who: tuple[str, str, str]) -> None:
        self.file = running_stack.read(folder)
        if not token:
            issuer = self.file["issuer"]
            signer = Signer(issuer["iss"], Path(issuer["private_key"]))
            org, role, name = who
            claims = professional(org, role, name) if role else system(org, name)
            token = signed(signer, signer.complete(claims))
        self._headers = {"Authorization": f"Bearer {token}"}

    @property
    def services(self) -> list[str]:
        """The names of those that run."""
        return list(self.file["services"])

    def get(self, service: str, path: str, **params: str) -> Answer:
        """What a service answers; ends the command with one line where nobody answers."""
        return self.ask("GET", service, path, params=params)

    def post(self, service: str, path: str, body: bytes, **headers: str) -> Answer:
        """The same for what is sent, in the bytes that came."""
        told = {"Content-Type": "application/json", **headers}
        return self.ask("POST", service, path, content=body, headers=told)

    def _url(self, service: str) -> str:
        # A section goes by its name on the wire, and its process by that of its package.
        found = self.file["services"].get(service.replace("-", "_"))
        if found is None:
            known = ", ".join(sorted(self.file["services"]))
            fail(f"The stack has no service {service}; it has {known}.")
        url: str = found["url"]
        return url

    @contextmanager
    def stream(self, method: str, service: str, path: str, **given: Any) -> Iterator["Stream"]:
        """The same for an answer that comes piece by piece, of any length."""
        headers = {**self._headers, **given.pop("headers", {})}
        url = f"{self._url(service)}{path}"
        try:
            with httpx.stream(
                method, url, headers=headers, timeout=_PATIENCE, trust_env=False, **given
            ) as response:
                yield Stream(response)
        except (httpx.HTTPError, ValueError) as error:
            fail(f"The service {service} does not answer ({type(error).__name__}).")

    def ask(self, method: str, service: str, path: str, **given: Any) -> Answer:
        """The same for any method, with whatever ``httpx.request`` takes."""
        try:
            return self.asked(method, service, path, **given)
        except NoAnswer as silent:
            fail(str(silent))

    def asked(self, method: str, service: str, path: str, **given: Any) -> Answer:
        """The same for whoever goes on without it: ``NoAnswer`` where nobody answers."""
        headers = {**self._headers, **given.pop("headers", {})}
        try:
            answer = httpx.request(
                method,
                f"{self._url(service)}{path}",
                headers=headers,
                timeout=_PATIENCE,
                trust_env=False,
                **given,
            )
            return Answer(answer.status_code, dict(answer.json()), answer.headers)
        except (httpx.HTTPError, ValueError) as error:
            raise NoAnswer(
                f"The service {service} does not answer ({type(error).__name__})."
            ) from None


class Stream:
    """An answer that comes piece by piece."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.headers: Mapping[str, str] = response.headers

    def problem(self) -> Answer:
        """The answer without its body; the problem whole, where it is one."""
        told = {}
        if self._response.status_code >= httpx.codes.BAD_REQUEST:
            self._response.read()
            told = dict(self._response.json())
        return Answer(self._response.status_code, told, self.headers)

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, as they come."""
        try:
            yield from self._response.iter_bytes()
        except httpx.HTTPError as error:
            fail(f"The answer was cut off ({type(error).__name__}). Ask again.")


def refuse(answer: Answer) -> None:
    """Ends the command with what the problem says, unless the answer is good."""
    if not answer.is_good:
        fail(answer.problem)
