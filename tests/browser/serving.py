"""The viewer on a real port, over recorded answers."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from deploy.examples.story import stories
from deploy.local.stack.example_people import example_people
from services.viewer.app import create_app
from services.viewer.settings import ViewerSettings
from shared.chassis.settings import Settings
from tests.browser.recorded_apis import RecordedApis


@cache
def _people() -> str:
    return json.dumps(example_people(stories(), lambda claims: claims["sub"]))


def examples_file(folder: Path) -> Path:
    """The example people, each with a token that says who they are and nothing more."""
    path = folder / "people.json"
    path.write_text(_people())
    return path


def viewer(apis: RecordedApis, folder: Path) -> FastAPI:
    """The viewer as it starts, asking ``apis``."""
    told = ViewerSettings(
        example_people=examples_file(folder),
        secure_cookies=False,
        section_addresses={
            name: f"http://{name}" for name in ("about-me", "stewardship", "support-plans")
        },
    )
    return create_app(Settings(service="viewer"), told, apis.transport)


@contextmanager
def served(apis: RecordedApis, folder: Path, port: int = 0) -> Iterator[str]:
    """The address of a viewer that asks ``apis``, until the block ends."""
    app = viewer(apis, folder)
    with socket.create_server(("127.0.0.1", port)) as listening:
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        ready = threading.Event()
        startup = server.startup

        async def started(sockets: list[socket.socket] | None = None) -> None:
            await startup(sockets)
            ready.set()

        server.startup = started  # type: ignore[method-assign]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            assert ready.wait(30), "the viewer did not start"
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(30)
