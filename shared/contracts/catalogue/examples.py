"""How an example is sent: the contribution around its content, ready to be copied."""

import json
from collections.abc import Mapping
from typing import Any, Final

Json = Mapping[str, Any]

_PLAN: Final = "$PLAN"
_SYSTEM: Final = {"name": "Example EPR"}
_SUPPORT: Final = {"how": "We asked each question and read the answers back"}


def as_json(value: Any) -> str:
    """JSON for people to read."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def contribution(command: str, schema: Json, content: Any, sent_by: Json) -> dict[str, Any]:
    """The contribution around a content; what the reader has to put in is a name with a dollar."""
    whole: dict[str, Any] = {"contribution_id": "$ID", "plan_id": _PLAN, "command": command}
    if not schema["x-creates"]:
        whole |= {"entry_id": "$ENTRY", "based_on": 1}
    whole["content"] = content
    provenance: dict[str, Any] = {"system": _SYSTEM, **sent_by.get("provenance", {})}
    if sent_by.get("kind") == "professional":
        said = {"kind": "professional", "name": "A. Quill-Synth", "role": sent_by.get("role", "")}
        provenance.setdefault("stated_by", said)
    elif sent_by.get("kind") == "person":
        provenance.setdefault("stated_by", {"kind": "person"})
    return {**whole, "provenance": provenance}


def written_down(whole: Json, sent_by: Json) -> Json:
    """The same as a system sends it; of a person's own words it says how they were supported."""
    if sent_by.get("kind") != "person":
        return whole
    return {**whole, "provenance": {"supported_by": _SUPPORT, **whole["provenance"]}}


def over_http(whole: Json, section: str) -> str:
    """A request for a shell; ``$SECTION`` is the address of the section."""
    return (
        f"ID=$(cat /proc/sys/kernel/random/uuid)\n"
        f"curl -s -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' "
        f'-d @- "${_shell(section)}/v1/contributions" <<EOF\n{as_json(whole)}\nEOF'
    )


def over_kafka(whole: Json) -> str:
    """The same for an inbox, with kcat."""
    return (
        "ID=$(cat /proc/sys/kernel/random/uuid)\n"
        "contracts/clients/kcat/contribute.sh connection.json - <<EOF\n"
        f"{as_json(whole)}\nEOF"
    )


def _shell(section: str) -> str:
    return section.upper().replace("-", "_")
