"""Settings: the only place that reads the environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What one service process is told by its environment, each variable ``CAREPLAN_…``."""

    model_config = SettingsConfigDict(env_prefix="CAREPLAN_", frozen=True)

    service: str = ""
    database_url: str = ""
    kafka_servers: str = "127.0.0.1:19092"
    host: str = "127.0.0.1"
    port: int = 8000
    issuer: str | None = None
    jwks: str = ""
    instance: str = ""
    topic_prefix: str = ""
    event_partitions: int = 24
    traces_file: str = ""

    queue_limit: int = Field(default=5_000, description="appends waiting; more are answered 503")
    entry_cache: int = Field(default=2_000, description="entries kept in memory")
    copy_wait_seconds: float = Field(default=2.0, description="how long a lagging copy is asked")
    clock_tolerance_seconds: int = 60
    dead_letter_limit: int = Field(default=1_000, description="dead letters before a stop")
    metadata_max_age_ms: int = Field(default=5_000, description="when a new topic is noticed")

    plan_ending_roles: tuple[str, ...] = (
        "gp",
        "practice-manager",
        "lead-professional",
    )
    plan_merging_roles: tuple[str, ...] = ("data-quality",)
    demographics_roles: tuple[str, ...] = ("pds-connection",)
    audit_reading_roles: tuple[str, ...] = (
        "privacy-officer",
        "caldicott-guardian",
        "auditor",
    )

    @property
    def instance_id(self) -> str:
        """The static member's name in its consumer groups."""
        return self.instance or f"{self.service}-1"

    def roles(self, setting: str) -> tuple[str, ...]:
        """The role names that a ``role:<setting>`` of an entry stands for."""
        named: tuple[str, ...] = getattr(self, f"{setting}_roles")
        return named
