"""The services of the stack, found in their folders; each has a port, tables and a process."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from deploy.local.processes.supervisor import Child
from shared.cli.readiness import every_part_ready
from shared.contracts import discover

# Not a JSON line of level info or debug, and not one of the Kafka client: while the broker is away
# the client repeats itself, and the service's own lines say it once.
_WORTH_SHOWING = re.compile(r'^(?!\{.*"level": ?"(info|debug)")(?!\{.*"logger": ?"aiokafka[."])')
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Service:
    """One folder under `services/`: a section (`section.py`) or another service (`app.py`)."""

    name: str
    is_section: bool

    @property
    def owns_data(self) -> bool:
        """False for what only shows what others have: it has no database and no topics."""
        return self.is_section or (ROOT / "services" / self.name / "migrations").is_dir()

    @property
    def migrations(self) -> tuple[Path, ...]:
        """The folders of its migrations, in order."""
        shared = ROOT / "shared" / "chassis" / "database" / "migrations"
        own = (
            shared / "section" if self.is_section else ROOT / "services" / self.name / "migrations"
        )
        return (shared / "every_service", own)


def found() -> list[Service]:
    """Every service there is, sections first."""
    sections = [Service(section.name, is_section=True) for section in discover.sections()]
    return sections + [Service(name, is_section=False) for name in discover.readers()]


def service_child(
    service: Service, environment: Mapping[str, str], url: str, client: httpx.AsyncClient
) -> Child:
    """The service as a process to keep, ready when every part of it is."""

    async def ready() -> bool:
        try:
            answer = await client.get(f"{url}/readyz")
            return every_part_ready(answer.json())
        except (httpx.HTTPError, ValueError):
            return False

    return Child(
        name=service.name,
        command=[sys.executable, "-m", "shared.chassis.run", service.name],
        environment={"PYTHONUNBUFFERED": "1", **environment},
        ready=ready,
        after=("postgres", "kafka") if service.owns_data else (),
        grace=4.5,
        worth_showing=_WORTH_SHOWING,
    )
