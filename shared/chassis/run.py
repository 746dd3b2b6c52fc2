"""``python -m shared.chassis.run goals``: one process is a service's doors, consumers and relay."""

import gc
import importlib
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI

import services
from shared.chassis import telemetry
from shared.chassis.http.server import Http
from shared.chassis.kafka.client import refuse_closed_connections
from shared.chassis.section_app import create_app
from shared.chassis.settings import Settings, SettingUnusable, from_environment

_COLLECT_AFTER: Final = (50_000, 20, 10)
"""Objects, young and middle collections: most of what is in a cycle is gone after 50,000."""


def app_of(service: str, settings: Settings) -> FastAPI:
    """The application of a section (from its declaration) or of a reader (its own root)."""
    folder = Path(services.__path__[0]) / service
    if (folder / "section.py").is_file():
        section = importlib.import_module(f"services.{service}.section").SECTION
        return create_app(section, settings)
    if (folder / "app.py").is_file():
        app: FastAPI = importlib.import_module(f"services.{service}.app").create_app(settings)
        return app
    raise _refusal(f"There is no service {service!r}; `ls services` shows those there are.")


def collect_rarely() -> None:
    """Tell the garbage collector to leave alone what is loaded, and to look less often.

    Every event is some dozens of objects, none of them in a cycle: by default the collector looks
    at all of a service's modules again and again for nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def _refusal(text: str) -> SystemExit:
    """Says why the service does not start; the exit code is 2."""
    sys.stderr.write(f"{text}\n")
    return SystemExit(2)


def end_on_sigterm() -> None:
    """Have SIGTERM unwind the process.

    The server takes it first and stops; then it raises it again for whoever was asked before.
    Left to itself it would end the process there, with lines and spans that nobody wrote.
    """

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)


def main() -> None:
    """Run one service until SIGTERM; with an unusable setting or service, exit code 2."""
    match sys.argv[1:]:
        case [service] if service.isidentifier():
            try:
                settings = from_environment(Settings, service=service)
            except SettingUnusable as unusable:
                raise _refusal(str(unusable)) from None
        case _:
            raise _refusal("Usage: python -m shared.chassis.run SERVICE")
    end_on_sigterm()
    telemetry.configure(settings.service)
    refuse_closed_connections()
    try:
        app = app_of(settings.service, settings)
    except SettingUnusable as unusable:
        raise _refusal(str(unusable)) from None
    collect_rarely()
    try:
        uvicorn.run(
            app,
            host=settings.host,
            port=settings.port,
            http=Http,
            log_config=None,
            access_log=False,
            proxy_headers=False,  # the peer is whoever connected, whatever a header says
            server_header=False,
            timeout_graceful_shutdown=3,
            timeout_keep_alive=75,  # longer than a client's or proxy's pool keeps a connection
        )
    finally:
        telemetry.shut_down()


if __name__ == "__main__":
    main()
