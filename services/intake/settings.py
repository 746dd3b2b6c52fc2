"""What intake is told by its environment beside what every service is."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class IntakeSettings(BaseSettings):
    """What is granted to inboxes, and how much each may cost, each ``CAREPLAN_INTAKE_…``."""

    model_config = SettingsConfigDict(
        env_prefix="CAREPLAN_INTAKE_", env_ignore_empty=True, frozen=True
    )

    roles: dict[str, tuple[str, ...]] = Field(
        default={}, description="service roles granted to an inbox, by its code in lower case"
    )
    signatures: str = Field(
        default="", description="a JSON file: who has to sign, and the keys of each organisation"
    )
    organisations: str = Field(
        default="",
        description="a file of the organisations, with their roles, the keys they sign with, and "
        "who is cut off; it is read again when it changes, and its roles count before `roles`",
    )
    kept_days: int = Field(
        default=14, ge=1, le=3_650, description="what was passed on; as long as an inbox keeps it"
    )
    dead_letters_of_an_inbox: int = Field(
        default=1_000, ge=0, le=1_000_000_000, description="kept in an hour; more are counted"
    )
