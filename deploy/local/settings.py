"""What can be set of the development stack: folders, ports, servers of one's own."""

from pathlib import Path
from typing import Final

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PORTS: Final = {
    "person": 8101,
    "care_team": 8102,
    "about_me": 8103,
    "needs": 8104,
    "goals": 8105,
    "contingency_plans": 8106,
    "support_plans": 8107,
    "stewardship": 8108,
    "intake": 8110,
    "plan": 8120,
    "audit": 8130,
    "viewer": 8080,
}
_FIRST_OTHER: Final = 8140
_POSTGRES: Final = 15432
_KAFKA: Final = 19092


class StackSettings(BaseSettings):
    """The environment of `make run`; every field has a default."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    folder: Path = Field(default=Path(".stack"), validation_alias="CAREPLAN_STACK_DIR")
    port_offset: int = Field(default=0, validation_alias="CAREPLAN_PORT_OFFSET")
    cache: Path | None = Field(default=None, validation_alias="CAREPLAN_CACHE_DIR")
    cache_home: Path | None = Field(default=None, validation_alias="XDG_CACHE_HOME")
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
    kafka_servers: str | None = Field(default=None, validation_alias="KAFKA_SERVERS")
    verbose: bool = Field(default=False, validation_alias="CAREPLAN_VERBOSE")
    no_color: str = Field(default="", validation_alias="NO_COLOR")

    @property
    def postgres_port(self) -> int:
        """Where the stack's own PostgreSQL listens."""
        return _POSTGRES + self.port_offset

    @property
    def kafka_port(self) -> int:
        """Where the stack's own broker listens; its controller has the next one."""
        return _KAFKA + self.port_offset

    @property
    def cache_folder(self) -> Path:
        """Where jars and the broker's start-up cache are kept, for all clones of a user."""
        if self.cache is not None:
            return self.cache.expanduser().absolute()
        home = self.cache_home or Path("~/.cache")
        return home.expanduser().absolute() / "careplan-ledger"

    def service_ports(self, services: list[str]) -> dict[str, int]:
        """A port for each service: its own, or for those unknown here the next from 8140."""
        others = (name for name in sorted(services) if name not in PORTS)
        given = {name: _FIRST_OTHER + number for number, name in enumerate(others)}
        return {name: PORTS.get(name, given.get(name, 0)) + self.port_offset for name in services}


def cache_folder() -> Path:
    """The cache folder that the environment asks for."""
    return StackSettings().cache_folder
