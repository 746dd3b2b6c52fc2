"""What intake knows of organisations: the roles of an inbox, who is cut off, and who signs how."""

from pathlib import Path
from typing import Final

from joserfc.errors import JoseError

from services.intake.settings import IntakeSettings
from services.intake.signatures import Signatures
from shared.broker.registry import SUSPENDED, Registered, Registry
from shared.chassis.settings import SettingUnusable
from shared.chassis.telemetry import log

_UNREADABLE: Final = (OSError, ValueError, TypeError, KeyError, JoseError)


class Organisations:
    """Those of the settings, and of the file that they name; it is read again when it changes.

    ``signatures`` are held against the keys of both. Raises ``SettingUnusable``, also for a file
    that is there and cannot be read: nobody would be cut off, and nobody would have to sign.
    """

    def __init__(self, own: IntakeSettings) -> None:
        self._of_settings = Signatures.read(own.signatures)
        self.signatures = self._of_settings
        self._roles = own.roles
        self._path = Path(own.organisations) if own.organisations else None
        self._seen: tuple[int, int] | None = None
        self._known: dict[str, Registered] = {}
        try:
            self._take_in()
        except FileNotFoundError:
            pass  # nobody has been let in yet
        except _UNREADABLE as error:
            raise SettingUnusable(
                "CAREPLAN_INTAKE_ORGANISATIONS names a file that cannot be used: "
                f"{type(error).__name__}."
            ) from None

    def look_again(self) -> None:
        """Take in what was changed; a file that cannot be read changes nothing."""
        try:
            self._take_in()
        except _UNREADABLE as error:
            log.error("organisations.not_read", error_type=type(error).__name__)

    def _take_in(self) -> None:
        if self._path is None:
            return
        state = self._path.stat()
        seen = (state.st_mtime_ns, state.st_ino)
        if seen != self._seen:
            known = Registry(self._path).all()
            self.signatures = self._of_settings.with_those_of(known.values())
            self._known, self._seen = known, seen

    def roles(self, organisation: str) -> tuple[str, ...]:
        """The service roles that the inbox of an organisation is granted."""
        known = self._known.get(organisation)
        return known.roles if known is not None else self._roles.get(organisation, ())

    def is_suspended(self, organisation: str) -> bool:
        """Whether it is cut off."""
        known = self._known.get(organisation)
        return known is not None and known.state == SUSPENDED
