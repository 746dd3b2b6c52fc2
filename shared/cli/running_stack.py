"""What `make run` says of itself in `stack.json`, for commands that talk to it."""

import ssl
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit, urlunsplit

import orjson
import typer

from shared.cli.output import fail
from shared.ledger.topics import inbox_topic, receipts_topic

DEFAULT_FOLDER: Final = Path(".stack")

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


def connection(stack: dict[str, Any], org: str, *, user: str = "") -> dict[str, str]:
    """What a client needs to reach the inbox and the receipts of an organisation.

    ``user`` is who asks the broker; left out, the organisation itself.
    """
    code, kafka = org.lower(), stack["kafka"]
    told = {
        "org": code,
        "bootstrap": str(kafka["bootstrap"]),
        "inbox": inbox_topic(code),
        "receipts": receipts_topic(code),
    }
    if not kafka.get("credentials"):
        return told
    path = Path(kafka["credentials"]) / f"{user or code}.json"
    try:
        known = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        fail(f"{path} cannot be read: the stack has no user {user or code}.")
    return {
        **told,
        "username": str(known["username"]),
        "password": str(known["password"]),
        "ca": str(kafka["ca"]),
    }


def broker_options(connection: dict[str, str]) -> dict[str, Any]:
    """The same for a client of aiokafka."""
    told: dict[str, Any] = {"bootstrap_servers": connection["bootstrap"]}
    if "username" in connection:
        told |= {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": connection["username"],
            "sasl_plain_password": connection["password"],
            "ssl_context": ssl.create_default_context(cafile=connection["ca"]),
        }
    return told


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
