"""The settings of the development stack: folders, ports, and servers that you already have."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.local.processes.problem import Problem
from shared.broker.settings import kafka_addresses
from shared.chassis.settings import (
    SettingUnusable,
    from_environment,
    postgres_address,
)

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
_WITNESS: Final = 8140
_FIRST_OTHER: Final = 8150
_POSTGRES: Final = 15432
_KAFKA: Final = 19092
_LARGEST_OFFSET: Final = 65_535 - _KAFKA - 2


def _a_folder(path: Path) -> Path:
    """The path without `~`, with no file where a folder would have to be."""
    try:
        path = path.expanduser().absolute()
    except RuntimeError:
        raise ValueError("begins with the home folder of a user who does not exist") from None
    for part in (path, *path.parents):
        try:
            if part.exists() and not part.is_dir():
                raise ValueError(f"must be a folder, but {part} is a file")
        except OSError as error:
            raise ValueError(f"must be a folder ({error.strerror})") from None
    return path


_Folder = Annotated[Path, AfterValidator(_a_folder)]


class StackSettings(BaseSettings):
    """The environment of `make run`; every field has a default."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, validate_default=True
    )

    folder: _Folder = Field(default=Path(".stack"), validation_alias="CAREPLAN_STACK_DIR")
    port_offset: int = Field(
        default=0, ge=0, le=_LARGEST_OFFSET, validation_alias="CAREPLAN_PORT_OFFSET"
    )
    cache: _Folder | None = Field(default=None, validation_alias="CAREPLAN_CACHE_DIR")
    cache_home: _Folder | None = Field(default=None, validation_alias="XDG_CACHE_HOME")
    database_url: Annotated[str, AfterValidator(postgres_address)] | None = Field(
        default=None, validation_alias="DATABASE_URL"
    )
    kafka_servers: Annotated[str, AfterValidator(kafka_addresses)] | None = Field(
        default=None, validation_alias="KAFKA_SERVERS"
    )
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
    def mutual_tls_port(self) -> int:
        """Where it listens for those who come in by a certificate."""
        return self.kafka_port + 2

    @property
    def witness_port(self) -> int:
        """Where the first witness of the audit log listens; the second has the next one."""
        return _WITNESS + self.port_offset

    @property
    def cache_folder(self) -> Path:
        """The folder of the jars and of the broker's start-up cache, for all clones of one user."""
        if self.cache is not None:
            return self.cache
        home = self.cache_home or Path("~/.cache").expanduser()
        return home / "careplan-ledger"

    def service_ports(self, services: list[str]) -> dict[str, int]:
        """A port for each service: the one listed here, or the next from 8150."""
        others = (name for name in sorted(services) if name not in PORTS)
        given = {name: _FIRST_OTHER + number for number, name in enumerate(others)}
        return {name: PORTS.get(name, given.get(name, 0)) + self.port_offset for name in services}


def stack_settings() -> StackSettings:
    """The settings from the environment; a `Problem` if a variable cannot be used."""
    try:
        return from_environment(StackSettings)
    except SettingUnusable as unusable:
        raise Problem(str(unusable), status=2) from None


def cache_folder() -> Path:
    """The cache folder from the environment."""
    return stack_settings().cache_folder
