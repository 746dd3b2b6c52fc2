"""Who is signed in: tokens stay in this process, a browser holds nothing but a random name."""

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

COOKIE: Final = "careplan_session"
VISITOR: Final = "careplan_visitor"
"""The cookie of whoever is not signed in yet: it binds the sign-in form to this browser."""

_POSITIONS: Final = 50
_LONGEST_NAME: Final = 200


@dataclass
class Session:
    """One person at one browser. ``positions`` are those of their own contributions, by plan."""

    token: str
    name: str
    kind: str
    is_what: str
    own_plan: str = ""
    seen: float = 0.0
    positions: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def contributed(self, plan_id: str, position: str) -> None:
        """Remember up to where the plan must have come for them to see what they said."""
        self.positions[plan_id] = position
        self.positions.move_to_end(plan_id)
        while len(self.positions) > _POSITIONS:
            self.positions.popitem(last=False)


class Sessions:
    """The sessions of this process, bounded in number and in time; a restart ends them all."""

    def __init__(
        self, limit: int, idle_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._secret = secrets.token_bytes(32)

    def begin(self, session: Session) -> str:
        """Open a session; the one that was idle longest gives way where there are too many."""
        name = secrets.token_urlsafe(32)
        session.seen = self._clock()
        self._open[_kept(name)] = session
        while len(self._open) > self._limit:
            self._open.popitem(last=False)
        return name

    def of(self, name: str) -> Session | None:
        """The session of that name; ``None`` where there is none, or it was idle too long."""
        if not 0 < len(name) <= _LONGEST_NAME:
            return None
        key = _kept(name)
        session = self._open.get(key)
        if session is None:
            return None
        if self._clock() - session.seen > self._idle_seconds:
            del self._open[key]
            return None
        session.seen = self._clock()
        self._open.move_to_end(key)
        return session

    def end(self, name: str) -> None:
        """Sign out."""
        self._open.pop(_kept(name), None)

    def form_key(self, name: str) -> str:
        """What a form must bring back that was made for the browser with this cookie."""
        return hmac.new(self._secret, name.encode(), sha256).hexdigest()

    def is_form_of(self, name: str, key: str) -> bool:
        """True where the form was made here, for this browser."""
        return bool(name) and hmac.compare_digest(self.form_key(name), key)


def _kept(name: str) -> str:
    # The names themselves are not kept: who reads this memory cannot become somebody else.
    return sha256(name.encode()).hexdigest()
