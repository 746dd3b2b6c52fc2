"""Asks the witnesses of the log to sign its checkpoints (C2SP tlog-witness)."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, Self, TypeVar

import httpx

from shared.chassis import telemetry
from shared.chassis.settings import SettingUnusable
from shared.tlog.checkpoint import Checkpoint, size_of
from shared.tlog.notes import (
    Note,
    NoteUnusable,
    Signature,
    SignatureWrong,
    VerifierKey,
    signatures_in,
)
from shared.tlog.policy import NONE, Policy, PolicyUnusable, Witness

Found = TypeVar("Found")

Proof = Callable[[int], Awaitable[Sequence[bytes]]]
"""The consistency proof from an earlier size to that of the checkpoint."""

_WITHIN: Final = 2.0
_LARGEST_ANSWER: Final = 100_000
_OK: Final = 200
_CONFLICT: Final = 409


def policy_of(policy_file: str, key: VerifierKey) -> Policy:
    """The policy of this file, which has to name our key; without a file no witness is needed.

    Raises ``SettingUnusable``.
    """
    if not policy_file:
        return Policy(logs=[key], quorum=NONE)
    try:
        policy = Policy.read(Path(policy_file).read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingUnusable(
            f"CAREPLAN_LOG_POLICY cannot be read ({type(error).__name__})."
        ) from None
    except PolicyUnusable as error:
        raise SettingUnusable(f"CAREPLAN_LOG_POLICY: {error}.") from None
    if key not in policy.logs:
        raise SettingUnusable("CAREPLAN_LOG_POLICY does not name the key of CAREPLAN_LOG_KEY.")
    return policy


class Witnesses:
    """The witnesses that a policy names with an address, and how far each one is.

    Whoever does not answer within two seconds is left out: records go on without witnesses.
    """

    def __init__(
        self, policy: Policy, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.policy = policy
        self._asked = [one for one in policy.witnesses.values() if one.url]
        self._reached: dict[str, int] = {}
        self._client = httpx.AsyncClient(timeout=_WITHIN, trust_env=False, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def cosign(self, note: Note, proof: Proof) -> list[Signature]:
        """The signatures of all witnesses that have signed this checkpoint, and hold."""
        asked = [self._within(self._cosign(one, note, proof), one) for one in self._asked]
        found = await asyncio.gather(*asked)
        return [signature for signature in found if signature is not None]

    async def latest(self, origin: str) -> list[bytes]:
        """The newest note of this log that each witness holds, of those that answer."""
        asked = [self._within(self._latest(one, origin), one) for one in self._asked]
        return [note for note in await asyncio.gather(*asked) if note is not None]

    async def _within(self, asking: Awaitable[Found | None], witness: Witness) -> Found | None:
        try:
            async with asyncio.timeout(_WITHIN):
                return await asking
        except (httpx.HTTPError, TimeoutError, NoteUnusable, SignatureWrong) as error:
            telemetry.log.warning(
                "log.witness_silent", part=witness.name, error_type=type(error).__name__
            )
            return None

    async def _cosign(self, witness: Witness, note: Note, proof: Proof) -> Signature | None:
        size = Checkpoint.read(note.text).size
        answer = await self._add(
            witness, note, proof, min(self._reached.get(witness.name, 0), size)
        )
        if answer.status_code == _CONFLICT:
            reached = size_of(answer.text.removesuffix("\n"))
            self._reached[witness.name] = reached
            if reached > size:
                telemetry.log.critical("log.witness_ahead", part=witness.name, size=reached)
                return None
            answer = await self._add(witness, note, proof, reached)
        if answer.status_code != _OK:
            telemetry.log.error(
                "log.witness_refused", part=witness.name, status=answer.status_code, size=size
            )
            return None
        for signature in signatures_in(answer.text):
            if witness.key.is_named_in(signature):
                witness.key.check(note.text, signature)
                self._reached[witness.name] = size
                return signature
        return None

    async def _add(
        self, witness: Witness, note: Note, proof: Proof, reached: int
    ) -> httpx.Response:
        size = Checkpoint.read(note.text).size
        hashes = await proof(reached) if 0 < reached < size else ()
        lines = [f"old {reached}", *(b64encode(one).decode() for one in hashes)]
        body = "\n".join(lines) + f"\n\n{note}"
        return await self._ask("POST", f"{witness.url}/add-checkpoint", body.encode())

    async def _latest(self, witness: Witness, origin: str) -> bytes | None:
        name = sha256(origin.encode()).hexdigest()
        answer = await self._ask("GET", f"{witness.url}/{name}/checkpoint")
        return answer.content if answer.status_code == _OK else None

    async def _ask(self, method: str, url: str, body: bytes = b"") -> httpx.Response:
        """An answer of bounded length: a witness is somebody else's."""
        async with self._client.stream(method, url, content=body) as answer:
            content = b""
            async for part in answer.aiter_bytes():
                content += part
                if len(content) > _LARGEST_ANSWER:
                    raise NoteUnusable("the answer of a witness is too long")
        return httpx.Response(answer.status_code, content=content, request=answer.request)
