"""Everything that the declarations say now, held against the baseline."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from shared.chassis.wire.shapes import event_shape
from shared.contracts.gate.baseline import committed, released
from shared.contracts.gate.compat import breaks
from shared.contracts.gate.doors import broken_doors, broken_topic
from shared.contracts.gate.sentences import Break
from shared.ledger import Section


def broken(
    folder: Path,
    sections: Iterable[Section],
    schemas: Mapping[str, Mapping[str, Any]],
    files: Mapping[str, str],
    *,
    only_released: bool = False,
) -> Iterator[str]:
    """Each way in which somebody would be broken: the file, the place, the rule and what to do.

    Schemas that are not released are judged where they are written.
    """
    published = released(folder)
    for path, text in published.items():
        for one in _broken_schema(path, text, schemas):
            yield f"{path}: {one}"
    by_name = {section.wire_name: section for section in sections}
    held = published or ({} if only_released else committed(folder))
    for path, text in held.items():
        for one in _broken_file(path, text, files, by_name):
            yield f"{path}: {one}"


def _broken_file(
    path: str, text: str, files: Mapping[str, str], sections: Mapping[str, Section]
) -> Iterator[Break]:
    kind, _, name = path.partition("/")
    if kind == "openapi":
        if path in files:
            yield from broken_doors(json.loads(text), json.loads(files[path]))
        else:
            yield Break("", "route-removed", "the service is gone")
    elif kind == "topics":
        yield from broken_topic(text, files.get(path))
    elif kind == "histories" and (section := sections.get(name.removesuffix(".json"))):
        yield from broken_ids(section, json.loads(text))


def broken_ids(section: Section, history: Iterable[Mapping[str, Any]]) -> Iterator[Break]:
    """Entries whose id follows from their plan, and would now follow otherwise."""
    for event in history:
        kind = section.events.get(event["type"])
        if kind is None or event["entry_version"] != 1:
            continue
        entry = section.entry_of_event(event["type"])
        try:
            said = event_shape(kind).validate_json(json.dumps(event["content"]))
        except ValidationError:
            continue  # which is a break of its schema, and told as one
        follows = entry.id_following_from(UUID(event["plan_id"]), said)
        if follows is not None and str(follows) != event["entry_id"]:
            where = f"/{section.entry_type(entry)}"
            yield Break(where, "fixed-id-changed", "the id follows from the plan in another way")
            return


def _broken_schema(
    path: str, text: str, schemas: Mapping[str, Mapping[str, Any]]
) -> Iterator[Break]:
    name, _, version = path.partition("/")
    if not name.startswith("careplan.") or "/" in version:
        return
    type_ = f"{name}.v{version.partition('.')[0]}"
    if type_ in schemas:
        yield from breaks(json.loads(text), schemas[type_])
    else:
        yield Break("", "type-removed", "nothing declares it any more")
