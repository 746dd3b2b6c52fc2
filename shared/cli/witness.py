"""`careplan witness`: serves a witness of audit logs, for an organisation that takes part."""

import os
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.cli.output import fail
from shared.tlog.notes import COSIGNATURE, ED25519, NoteUnusable, SigningKey, VerifierKey
from shared.tlog.witness import LONGEST_BODY, Answer, Witness

_OPEN_TO_OTHERS = 0o077


def witness(
    key: Annotated[Path, typer.Option(help="The file with the witness's private key.")],
    log: Annotated[list[str], typer.Option(help="The verifier key of a log; may be repeated.")],
    state: Annotated[Path, typer.Option(help="The file that keeps what was signed last.")],
    listen: Annotated[str, typer.Option(help="Address and port.")] = "127.0.0.1:8140",
    name: Annotated[
        str, typer.Option(help="Make the key under this name, where the file is not there.")
    ] = "",
) -> None:
    """Sign the checkpoints of logs that have only grown.

    The first line printed is the verifier key, for the policy of the log.
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port[:6]) < 1 << 16:
        fail("--listen takes an address and a port, like 127.0.0.1:8140.", 2)
    try:
        logs = [VerifierKey.read(one) for one in log]
        if any(one.kind != ED25519 for one in logs):
            fail("--log takes the key of a log; this is that of a witness.", 2)
        known = _key_in(key, name)
    except NoteUnusable as error:
        fail(f"A key cannot be used: {error}.", 2)
    except OSError as error:
        fail(f"The key {key} cannot be read ({error.strerror}); --name makes one.", 2)
    typer.echo(str(known.verifier))
    with Witness(known, logs, state) as kept:
        uvicorn.run(
            application(kept), host=host, port=int(port), log_level="warning", access_log=False
        )


def application(kept: Witness) -> Starlette:
    """The two addresses of a witness."""

    async def add_checkpoint(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_BODY:
                return _response(Answer(413, "the request is too long\n"))
        return _response(kept.add_checkpoint(body))

    async def checkpoint(request: Request) -> Response:
        return _response(kept.checkpoint(request.path_params["name"]))

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/{name}/checkpoint", checkpoint),
        ]
    )


def make_key_file(path: Path, key: SigningKey) -> None:
    """Writes a private key that only its owner may read."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key.text)
    unfinished.rename(path)


def _key_in(path: Path, name: str) -> SigningKey:
    if name and not path.exists():
        make_key_file(path, SigningKey.made(name, COSIGNATURE))
    if path.stat().st_mode & _OPEN_TO_OTHERS:
        raise NoteUnusable("others can read the file with the private key")
    known = SigningKey.read(path.read_text())
    if known.kind != COSIGNATURE:
        raise NoteUnusable("the private key is that of a log")
    return known


def _response(answer: Answer) -> Response:
    return Response(answer.text, answer.status, media_type=answer.media_type)
