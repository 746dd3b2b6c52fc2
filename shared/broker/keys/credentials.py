"""What users of the broker show, each in a file of its own that only its owner may read."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from shared.broker.keys.private_files import private_folder, write_private

_BYTES: Final = 24


@dataclass(frozen=True)
class Credentials:
    """The folder with a file ``<user>.json`` (``username``, ``password``) for each user.

    Whoever was given a certificate has it with its key in ``<user>.pem``.
    """

    folder: Path

    def path(self, user: str) -> Path:
        """The file of a user's password."""
        return self.folder / f"{user}.json"

    def certificate(self, user: str) -> Path:
        """The file of a user's certificate, and of its key."""
        return self.folder / f"{user}.pem"

    def ensured(self, users: Iterable[str]) -> dict[str, str]:
        """The password of each of these users; one is made for whoever has none."""
        return {user: self._of(user) or self.renew(user) for user in users}

    def renew(self, user: str) -> str:
        """Another password for a user, which is returned and kept."""
        password = secrets.token_urlsafe(_BYTES)
        self.keep(user, password)
        return password

    def keep(self, user: str, password: str) -> None:
        """Writes down a user's password."""
        private_folder(self.folder)
        told = {"username": user, "password": password}
        write_private(self.path(user), orjson.dumps(told).decode())

    def keep_certificate(self, user: str, pem: str) -> None:
        """Writes down a user's certificate with its key."""
        private_folder(self.folder)
        write_private(self.certificate(user), pem)

    def forget(self, user: str) -> None:
        """Removes what is known of a user."""
        for path in (self.path(user), self.certificate(user)):
            path.unlink(missing_ok=True)

    def _of(self, user: str) -> str | None:
        try:
            password: str = orjson.loads(self.path(user).read_bytes())["password"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return password
