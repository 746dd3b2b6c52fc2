"""What `make run` says of itself in `stack.json`, for commands that talk to it."""

import re
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit, urlunsplit

import orjson
import typer

from shared.broker.access import BrokerAccess
from shared.broker.rights import SUPER_USERS
from shared.cli.output import fail
from shared.ledger.names import ORGANISATION_CODE
from shared.ledger.topics import inbox_topic, receipts_topic

DEFAULT_FOLDER: Final = Path(".stack")
_ORGANISATION: Final = re.compile(ORGANISATION_CODE)

StackDir = Annotated[
    Path,
    typer.Option(
        "--stack-dir", envvar="CAREPLAN_STACK_DIR", help="The folder of the running stack."
    ),
]


def read(folder: Path) -> dict[str, Any]:
    """The content of the folder's `stack.json`; ends the command with one line if there is none."""
    path = folder / "stack.json"
    try:
        content = orjson.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        fail(
            f"No stack runs in {folder}. Start it with `make run`, or name its folder with "
            "--stack-dir."
        )
    except OSError as error:
        fail(f"{path} cannot be read ({error.strerror}). Name the stack's folder with --stack-dir.")
    except orjson.JSONDecodeError:
        content = None
    found: dict[str, Any] = content if _is_of_a_stack(content) else {}
    if not found:
        fail(
            f"{path} was not written by this version of `make run`. Stop the stack and start it "
            "again."
        )
    return found


def connection(stack: dict[str, Any], org: str, *, by_certificate: bool = False) -> dict[str, str]:
    """What a client of an organisation needs to reach its inbox and its receipts.

    Ends the command with one line where it is none, or has no password or certificate here.
    """
    code = org.lower()
    is_one = any(_ORGANISATION.fullmatch(named) for named in (code, code.upper()))
    if not is_one or code in SUPER_USERS:
        fail(f"{org} is no organisation: an ODS code, as ZZG01, or x- and a name.")
    access = BrokerAccess.of_stack(stack["kafka"], code, by_certificate=by_certificate)
    try:
        told = access.told()
    except (OSError, ValueError):
        what = "certificate" if by_certificate else "user"
        fail(f"The stack has no {what} for {org}.")
    return {"org": code, "inbox": inbox_topic(code), "receipts": receipts_topic(code), **told}


def without_password(url: str) -> str:
    """An address to show: who and where, and three dots for the password."""
    try:
        parts = urlsplit(url)
        who, at, place = parts.netloc.rpartition("@")
        user, colon, _ = who.partition(":")
        return urlunsplit(parts._replace(netloc=f"{user}{colon and ':...'}{at}{place}"))
    except ValueError:
        return "(not an address)"


def _is_of_a_stack(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and all(
            isinstance(content.get(name), dict)
            and all(isinstance(content[name].get(key), str) for key in keys)
            for name, keys in _MEMBERS.items()
        )
        and all(
            isinstance(told, dict) and isinstance(told.get("url"), str)
            for told in content["services"].values()
        )
    )


_MEMBERS: Final = {
    "kafka": ("bootstrap",),
    "postgres": ("url",),
    "issuer": ("iss", "private_key"),
    "services": (),
}
