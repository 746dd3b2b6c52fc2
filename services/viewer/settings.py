"""What the viewer is told by its environment beside what every service is."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.chassis.settings import endpoint_address


class ViewerSettings(BaseSettings):
    """Where the APIs are, and who may sign in how, each variable ``CAREPLAN_VIEWER_…``."""

    model_config = SettingsConfigDict(
        env_prefix="CAREPLAN_VIEWER_", env_ignore_empty=True, frozen=True
    )

    plan_address: Annotated[str, AfterValidator(endpoint_address)] = Field(
        default="http://127.0.0.1:8120", description="the API of the plan"
    )
    audit_address: Annotated[str, AfterValidator(endpoint_address)] = Field(
        default="http://127.0.0.1:8130", description="the API of the audit"
    )
    section_addresses: dict[str, str] = Field(
        default={}, description="the door of each section, by its name on the wire"
    )
    example_people: Path | None = Field(
        default=None,
        description="a file with people who sign in without a password; for development alone",
    )
    secure_cookies: bool = Field(
        default=True, description="cookies over https alone; only development does without"
    )
    session_minutes: int = Field(default=60, ge=1, le=720, description="of doing nothing")
    sessions: int = Field(default=2_000, ge=1, le=100_000, description="at once")
    api_seconds: float = Field(
        default=10.0, gt=0, le=60, allow_inf_nan=False, description="how long an API is asked"
    )
