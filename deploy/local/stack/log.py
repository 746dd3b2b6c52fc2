"""The audit log of the development stack: its key, two witnesses, and the policy naming them."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from deploy.local.processes.supervisor import Child
from shared.cli.witness import make_key_file
from shared.tlog.notes import COSIGNATURE, ED25519, SigningKey, VerifierKey
from shared.tlog.policy import Group, Policy, Witness

ORIGIN: Final = "careplan.example/careplan/development"
_WITNESSES: Final = ("first", "second")


@dataclass(frozen=True)
class DevelopmentLog:
    """Where the keys are; ``prepare`` makes them on the first start.

    ``port`` is that of the first witness. Both have to sign, as two organisations would.
    """

    folder: Path
    port: int

    @property
    def key_file(self) -> Path:
        """The private key that checkpoints are signed with."""
        return self.folder / "log.key"

    @property
    def policy_file(self) -> Path:
        """Whose signatures count: the one that verifiers of this stack take."""
        return self.folder / "policy"

    @property
    def ports(self) -> dict[str, int]:
        """The port of each witness."""
        return {name: self.port + number for number, name in enumerate(_WITNESSES)}

    @property
    def names(self) -> list[str]:
        """The names of the witnesses' processes."""
        return [*map(_process, _WITNESSES)]

    @property
    def verifier(self) -> VerifierKey:
        """The key that others check with."""
        return SigningKey.read(self.key_file.read_text()).verifier

    def prepare(self) -> None:
        """Makes the keys that are not there yet, and writes the policy."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._make(self.key_file, ORIGIN, ED25519)
        for name in _WITNESSES:
            self._make(self._file_of(name), f"{name}.careplan.example", COSIGNATURE)
        known = {name: SigningKey.read(self._file_of(name).read_text()) for name in _WITNESSES}
        policy = Policy(
            [self.verifier],
            {
                name: Witness(name, key.verifier, f"http://127.0.0.1:{self.ports[name]}")
                for name, key in known.items()
            },
            {"partners": Group("partners", len(known), tuple(known))},
            "partners",
        )
        self.policy_file.write_text(str(policy))

    def witnesses(self, client: httpx.AsyncClient) -> list[Child]:
        """Each witness as a process to keep, with a key and a state of its own."""
        return [self._child(name, port, client) for name, port in self.ports.items()]

    def _child(self, name: str, port: int, client: httpx.AsyncClient) -> Child:
        async def ready() -> bool:
            try:
                # It knows no log of this name, and says so.
                answer = await client.get(f"http://127.0.0.1:{port}/none/checkpoint")
            except httpx.HTTPError:
                return False
            return answer.status_code == httpx.codes.NOT_FOUND

        state = self.folder / f"{name}.sqlite"
        return Child(
            name=_process(name),
            command=[
                *(sys.executable, "-m", "shared.cli.main", "witness"),
                *("--listen", f"127.0.0.1:{port}", "--log", str(self.verifier)),
                *("--key", str(self._file_of(name)), "--state", str(state)),
            ],
            ready=ready,
        )

    def _file_of(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def _make(self, path: Path, name: str, kind: int) -> None:
        if not path.exists():
            make_key_file(path, SigningKey.made(name, kind))


def _process(name: str) -> str:
    return f"witness-{name}"
