"""Writes the site: pages that link to each other by relative addresses, and work as plain files."""

import posixpath
import re
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from shared.contracts.catalogue.pages import Page, pages, path_of
from shared.contracts.catalogue.published import Published
from shared.contracts.generate import as_text

_HERE: Final = Path(__file__).parent
_ASSETS: Final = _HERE / "assets"
_OURS: Final = "catalogue.css"
"""Says that a folder is a catalogue, also where its writing was ended half-way."""
_CODE: Final = re.compile(r"`([^`]+)`")
_VOICES: Final = {
    "person": "the person",
    "proxy": "a proxy, for the person",
    "professional": "a professional",
}
_KINDS: Final = ("command", "event")


class NotOurs(Exception):
    """A folder would be lost that holds something else."""


def write(published: Published, folder: Path) -> int:
    """Write the site into a folder, which then holds nothing else; the number of its pages.

    Raises ``NotOurs`` for a folder that has something else in it.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / _OURS).is_file():
        raise NotOurs(f"{folder} holds something else; name an empty folder, or one made before")
    written = pages(published)
    texts = {
        page.path: _rendered(published, page.path, page.template, page=page, **page.told)
        for page in written
    }
    texts["index.html"] = _first_page(published, written)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(_ASSETS / _OURS, folder / _OURS)
    for old in folder.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
        elif old.name != _OURS:
            old.unlink()
    for path, text in texts.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    for one in published.types.values():
        target = folder / "schemas" / f"{one.type}.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text(as_text(one.schema), encoding="utf-8")
    for asset in _ASSETS.iterdir():
        shutil.copy(asset, folder / asset.name)
    return len(texts)


def _rendered(published: Published, path: str, template: str, **told: Any) -> str:
    """A template as the page at a path: ``link`` is an address as seen from there."""

    def link(target: str) -> str:
        return posixpath.relpath(target, posixpath.dirname(path) or ".")

    def to(name: str) -> str:
        return link(path_of(published, name))

    found = _TEMPLATES.get_template(template)
    return found.render(link=link, to=to, types=published.types, **told)


def _first_page(published: Published, written: list[Page]) -> str:
    groups: dict[tuple[str, str], list[Page]] = defaultdict(list)
    for page in written:
        section = page.name.split(".")[1] if page.kind in _KINDS else ""
        groups[page.kind, section].append(page)
    sections = {name: service["info"]["title"] for name, service in published.services.items()}
    return _rendered(
        published,
        "index.html",
        "index.html",
        sections=[
            {
                "name": name,
                "title": sections[name],
                "commands": groups["command", name],
                "events": groups["event", name],
            }
            for name in sections
            if groups["command", name]
        ],
        topics=groups["topic", ""],
        services=groups["service", ""],
        envelopes=groups["envelope", ""],
        count=len(written),
    )


def _words(text: str) -> Markup:
    """A sentence of the contracts, in which names of the wire stand between backquotes."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped above


def _linked(text: str, kinds: tuple[str, ...]) -> Markup:
    """What a field takes, in which each type of the page leads to where it stands."""
    shown = str(escape(text))
    for kind in kinds:
        link = f'<a href="#kind-{kind}">{kind}</a>'
        shown = re.sub(rf"(?<![\w#-]){re.escape(kind)}(?![\w-])", link, shown, count=1)
    return Markup(shown)  # noqa: S704 - escaped above, and the names are those of definitions


def _called(name: str) -> str:
    """What an example is called, from the name of its file: without its number."""
    words = name.removesuffix(".json").partition("-")[2].replace("-", " ")
    return words[:1].upper() + words[1:]


def voice(rule: Any) -> str:
    """Who may: a kind of voice, or the roles that a setting names."""
    if isinstance(rule, str):
        return _VOICES.get(rule, rule)
    usually = " or ".join(rule["usually"])
    return f"a role of the setting {rule['setting']}" + (f" (usually {usually})" * bool(usually))


_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {"words": _words, "voice": voice, "linked": _linked, "called": _called}
