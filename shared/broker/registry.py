"""The organisations of a deployment that contribute over Kafka, in a file that it keeps."""

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from shared.broker.keys.private_files import write_private
from shared.broker.refused import OrganisationsUnreadable

ACTIVE: Final = "active"
SUSPENDED: Final = "suspended"
USUAL_QUOTA: Final = 5 * 1024 * 1024
"""Bytes a second, where nothing else was said: thousands of contributions."""


@dataclass(frozen=True)
class Registered:
    """An organisation by ODS code, or by ``x-…`` where it has none.

    ``roles`` are the service roles that its inbox is granted, ``quota`` the bytes a second that it
    may write, and read. One that is suspended is cut off: what its inbox still holds is refused.
    ``keys`` are the public JWKs by which it signs, and with ``signed`` it has to. ``certificates``
    is how many it was given: the last alone opens the broker.
    """

    code: str
    name: str
    roles: tuple[str, ...] = ()
    quota: int = USUAL_QUOTA
    state: Literal["active", "suspended"] = ACTIVE
    signed: bool = False
    keys: tuple[Mapping[str, Any], ...] = ()
    certificates: int = 0


class Registry:
    """Reads the file, and changes it for one process at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> dict[str, Registered]:
        """Every organisation, by its code in lower case; none where there is no file yet.

        Raises ``OrganisationsUnreadable``: nobody is let in, or cut off, by what is half there.
        """
        try:
            listed = orjson.loads(self._path.read_bytes())["organisations"]
            made = [_registered(one) for one in listed]
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, KeyError) as error:
            raise OrganisationsUnreadable(
                f"{self._path} is no file of organisations ({type(error).__name__}): put it back "
                "as it was"
            ) from None
        return {one.code.lower(): one for one in made}

    def put(self, *changed: Registered) -> None:
        """Adds organisations, or puts what is told now in the place of what was."""
        with self._alone():
            self._write({**self.all(), **{one.code.lower(): one for one in changed}})

    def put_new(self, *added: Registered) -> None:
        """Adds those organisations that are not there yet."""
        with self._alone():
            self._write({**{one.code.lower(): one for one in added}, **self.all()})

    def change(self, code: str, changed: Callable[[Registered], Registered]) -> None:
        """Puts what is made of an organisation in its place; ``KeyError`` where it is not there.

        Nobody else changes anything in between.
        """
        with self._alone():
            all_of_them = self.all()
            all_of_them[code.lower()] = changed(all_of_them[code.lower()])
            self._write(all_of_them)

    def remove(self, code: str) -> None:
        """Removes an organisation."""
        with self._alone():
            left = self.all()
            left.pop(code.lower(), None)
            self._write(left)

    def _write(self, all_of_them: dict[str, Registered]) -> None:
        listed = [asdict(one) for _, one in sorted(all_of_them.items())]
        told = orjson.dumps({"organisations": listed}, option=orjson.OPT_INDENT_2)
        write_private(self._path, told.decode())

    @contextmanager
    def one_act(self) -> Iterator[None]:
        """Nobody else acts on organisations meanwhile, here and at the broker: they wait."""
        with _locked(self._path.with_suffix(".acting")):
            yield

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with _locked(self._path.with_suffix(".lock")):
            yield


def _registered(told: Mapping[str, Any]) -> Registered:
    one = Registered(**{**told, "roles": tuple(told["roles"]), "keys": tuple(told["keys"])})
    if one.state not in (ACTIVE, SUSPENDED):
        raise ValueError("neither active nor suspended")
    return one


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
