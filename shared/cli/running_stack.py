"""What `make run` says of itself in `stack.json`, for commands that talk to it."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from shared.cli.output import fail

StackDir = Annotated[
    Path,
    typer.Option(
        "--stack-dir", envvar="CAREPLAN_STACK_DIR", help="The folder of the running stack."
    ),
]


def read(folder: Path) -> dict[str, Any]:
    """The content of the folder's `stack.json`; one clear line where no stack has written one."""
    path = folder / "stack.json"
    try:
        content = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        fail(f"no stack in {folder}: start it with `make run`, or name its folder by --stack-dir")
    except orjson.JSONDecodeError as error:
        fail(f"{path} cannot be read: {error}")
    if not isinstance(content, dict):
        fail(f"{path} is not the file of a stack")
    return content
