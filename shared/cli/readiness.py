"""What the body of `/readyz` says: the door, and every part behind it."""

from typing import Any


def every_part_ready(readiness: dict[str, Any]) -> bool:
    """True where the door and all consumers, relays and copies of a service are ready."""
    return bool(readiness.get("ready")) and all(
        part.get("ready") for part in readiness.get("parts", {}).values()
    )


def lag(readiness: dict[str, Any]) -> int | None:
    """How far behind its slowest part is; None if no part says."""
    known = [part["lag"] for part in readiness.get("parts", {}).values() if "lag" in part]
    return max((int(value or 0) for value in known), default=None)
