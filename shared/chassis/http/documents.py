"""The contracts as a running service gives them, and a page to read them on.

What is given are the committed files, and the page asks nobody but this service. Neither tells
anything of a plan, so that no token is asked for.
"""

import re
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response
from starlette.responses import FileResponse

import shared
from shared.chassis.wire.problem import Problem
from shared.ledger.names import kebab

CONTRACTS: Final = Path(shared.__path__[0]).parent / "contracts"

_TYPE: Final = re.compile(r"[a-z][a-z.-]{0,119}")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,3}\.[0-9]{1,4}")
_ASSETS: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="docs/favicon-32x32.png">
</head>
<body>
<div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START: Final = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
"""
_ONLY_FROM_HERE: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _ONLY_FROM_HERE,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def document_routes(service: str, title: str, contracts: Path = CONTRACTS) -> APIRouter:
    """``/openapi.json``, ``/asyncapi.json``, the schemas they refer to, and ``/docs``.

    Where a file was not generated yet, or is not installed, the answer is ``not-found``.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def openapi() -> Response:
        return _committed(contracts / "openapi" / f"{kebab(service)}.json")

    @router.get("/asyncapi.json")
    async def asyncapi() -> Response:
        return _committed(contracts / "asyncapi.json")

    @router.get("/careplan.{name}/{version}.json")
    async def schema(name: str, version: str) -> Response:
        if not _TYPE.fullmatch(name) or not _VERSION.fullmatch(version):
            raise Problem("not-found")
        return _committed(contracts / f"careplan.{name}" / f"{version}.json")

    @router.get("/docs")
    async def page() -> Response:
        return _written(_PAGE.format(title=escape(title)), "text/html")

    @router.get("/docs/start.js")
    async def start() -> Response:
        return _written(_START, "text/javascript")

    @router.get("/docs/{name}")
    async def asset(name: str) -> Response:
        if name not in _ASSETS:
            raise Problem("not-found")
        content = (files("fastapi_swagger.resources") / name).read_bytes()
        return Response(content, headers=_HEADERS, media_type=_ASSETS[name])

    return router


def _committed(path: Path) -> Response:
    if not path.is_file():
        raise Problem("not-found", "This installation has no such contract.")
    return FileResponse(path, headers=_HEADERS, media_type="application/json")


def _written(text: str, media_type: str) -> Response:
    return Response(text, headers=_HEADERS, media_type=media_type)
