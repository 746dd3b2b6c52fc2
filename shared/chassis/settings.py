"""Settings: the only place that reads the environment."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from shared.broker.settings import BrokerSettings


class SettingUnusable(Exception):
    """An environment variable cannot be used; the text says which, and what would be right."""


def postgres_address(text: str) -> str:
    """``postgresql://user:password@host:port/database``; empty where there is no database."""
    try:
        parts = urlsplit(text)
        usable = not text or (parts.scheme in ("postgres", "postgresql") and parts.port != 0)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be an address like postgresql://user:password@host:5432/database")
    return text


def key_set_address(text: str) -> str:
    """A file, or an address that begins with ``http://`` or ``https://``."""
    try:
        usable = "://" not in text or bool(
            urlsplit(text).scheme in ("http", "https") and urlsplit(text).hostname
        )
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be a file, or an address like https://issuer.example/jwks.json")
    return text


def base_address(text: str) -> str:
    """Where callers reach a service, as ``https://careplan.example/goals``, or nothing."""
    if text and not re.fullmatch(r"https?://[^/?#\s@]+(?:/[^?#\s]*)?", text):
        raise ValueError("must be an address like https://careplan.example/goals")
    return text


def networks_in(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Addresses and networks, separated by commas; a ValueError where one is none."""
    return tuple(ip_network(one.strip()) for one in text.split(",") if one.strip())


def network_addresses(text: str) -> str:
    """Addresses and networks, separated by commas, or nothing."""
    try:
        networks_in(text)
    except ValueError:
        raise ValueError("must be addresses or networks like 10.0.0.0/8, with commas") from None
    return text


def media_address(text: str) -> str:
    """A folder, or a bucket as ``s3://bucket/prefix``."""
    if "://" in text and not re.fullmatch(
        r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[^?#]*)?", text
    ):
        raise ValueError("must be a folder, or a bucket like s3://bucket/prefix")
    return text


def endpoint_address(text: str) -> str:
    """An address that begins with ``http://`` or ``https://``, or nothing."""
    if text and not re.fullmatch(r"https?://[^/?#\s]+", text):
        raise ValueError("must be an address like https://s3.example")
    return text


def scanner_address(text: str) -> str:
    """``none``, or ``clamd://host:3310``."""
    try:
        parts = urlsplit(text)
        usable = text == "none" or bool(
            parts.scheme == "clamd" and parts.hostname and parts.port != 0
        )
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be none, or an address like clamd://host:3310")
    return text


def name_on_kafka(text: str) -> str:
    """What may be a part of a topic's name and of a group member's."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,100}", text):
        raise ValueError("may hold letters, digits, dots, hyphens and underscores, at most 100")
    return text


def prefix_of_topics(text: str) -> str:
    """What stands before the topics of a deployment: empty, or a name with a dot at its end."""
    if text and not name_on_kafka(text).endswith("."):
        raise ValueError("must end with a dot, as test.")
    return text


def time_zone_name(text: str) -> str:
    """A time zone of the IANA's list."""
    try:
        ZoneInfo(text)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError("must be the name of a time zone, as Europe/London") from None
    return text


_Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
_Port = Annotated[int, Field(ge=0, le=65_535)]

USUAL_ROLES: Final = {
    "audit_reading": ("privacy-officer", "caldicott-guardian", "auditor"),
    "audit_everywhere": (),
    "override_reviewing": ("privacy-officer", "caldicott-guardian"),
    "reads_no_plan": (
        *("pds-connection", "hc-connection", "chi-connection"),
        *("data-quality", "registration-service"),
        *("privacy-officer", "caldicott-guardian", "auditor"),
        *("operator", "monitor"),
    ),
    "registration": ("registration-service",),
    "log_monitoring": ("auditor", "monitor"),
    "operating": ("operator",),
    "sees_sex": ("gp", "practice-manager", "pds-connection", "data-quality"),
}
"""The names of each kind of role that a view or a local copy asks for, where a setting gives none;
those that a command asks for are declared beside it."""

KINDS_OF_ROLE: Final = (
    *USUAL_ROLES,
    *("demographics", "hc_demographics", "chi_demographics"),
    *("plan_ending", "plan_merging", "restriction_lifting"),
    *("key_worker_naming", "relationship_supervising"),
)
"""Every kind of role that a deployment may name: a setting is the same for all of its services."""


class Settings(BrokerSettings):
    """What one service process is told by its environment, each variable ``CAREPLAN_…``."""

    model_config = SettingsConfigDict(env_prefix="CAREPLAN_", env_ignore_empty=True, frozen=True)

    service: str = ""
    database_url: Annotated[str, AfterValidator(postgres_address)] = ""
    host: str = "127.0.0.1"
    port: _Port = 8000
    issuer: str = ""
    jwks: Annotated[str, AfterValidator(key_set_address)] = ""
    instance: Annotated[str, AfterValidator(name_on_kafka)] = ""
    topic_prefix: Annotated[str, AfterValidator(prefix_of_topics)] = ""
    event_partitions: _Count = 24
    traces_file: str = ""

    request_limit: _Count = Field(
        default=2_000, description="requests in hand; more are answered 503"
    )
    pool_wait_seconds: float = Field(
        default=5.0,
        gt=0,
        le=60,
        allow_inf_nan=False,
        description="how long a request waits for a connection",
    )
    read_seconds: float = Field(
        default=5.0,
        gt=0,
        le=60,
        allow_inf_nan=False,
        description="how long a reader waits for an answer; then it is 503",
    )
    write_seconds: float = Field(
        default=10.0,
        gt=0,
        le=60,
        allow_inf_nan=False,
        description="how long a contributor waits for the answer; then it is 503",
    )
    validations_a_minute: _Count = Field(
        default=120, description="how often one caller may ask `:validate`, of each process"
    )
    validations_a_minute_together: _Count = Field(
        default=1_200, description="the same of all callers of one organisation"
    )
    searches_a_minute: _Count = Field(
        default=20, description="how often one caller may search for a person, of each process"
    )
    searches_a_minute_together: _Count = Field(
        default=200, description="the same of all callers of one organisation"
    )
    queue_limit: _Count = Field(default=5_000, description="appends waiting; more are answered 503")
    queue_bytes: _Count = Field(default=67_108_864, description="the same, in bytes")
    entry_cache: _Count = Field(default=2_000, description="entries kept in memory")
    entry_cache_bytes: _Count = Field(default=67_108_864, description="the same, in their events")
    copy_wait_seconds: float = Field(
        default=2.0,
        ge=0,
        le=60,
        allow_inf_nan=False,
        description="how long a lagging copy is asked",
    )
    override_seconds: float = Field(
        default=3_600.0,
        ge=60,
        le=86_400,
        allow_inf_nan=False,
        description="how long one emergency lets a reader in",
    )
    override_review_seconds: int = Field(
        default=259_200, ge=60, le=31_536_000, description="in which an override is to be reviewed"
    )
    breadth_plans: _Count = Field(
        default=60, description="of how many people's plans one professional reads in an hour"
    )
    breadth_searches: _Count = Field(
        default=20, description="how often one professional searches in an hour; more is an alert"
    )
    keys_trusted_seconds: float = Field(
        default=86_400.0, gt=0, description="how long keys are trusted that cannot be read again"
    )
    public_address: Annotated[str, AfterValidator(base_address)] = Field(
        default="", description="where callers reach this service; empty: where it listens"
    )
    trusted_proxies: Annotated[str, AfterValidator(network_addresses)] = Field(
        default="", description="whose `Client-Cert` (RFC 9440) is believed, as 10.0.0.0/8"
    )
    bound_systems: bool = Field(
        default=False, description="tokens of systems must be bound to a key or a certificate"
    )
    clock_tolerance_seconds: int = Field(default=60, ge=0, le=3600)
    batch_bytes: _Count = Field(
        default=16_777_216, description="of a consumer's batch; the rest waits for the next"
    )
    dead_letter_limit: _Count = Field(default=1_000, description="of a consumer in an hour")
    metadata_max_age_ms: _Count = Field(default=5_000, description="when a new topic is noticed")

    time_zone: Annotated[str, AfterValidator(time_zone_name)] = Field(
        default="Europe/London", description="whose days and months are meant"
    )
    media_store: Annotated[str, AfterValidator(media_address)] = Field(
        default="media", description="a folder, or s3://bucket/prefix"
    )
    media_endpoint: Annotated[str, AfterValidator(endpoint_address)] = Field(
        default="", description="of a store that speaks S3 and is not AWS"
    )
    media_region: str = "us-east-1"
    media_scanner: Annotated[str, AfterValidator(scanner_address)] = Field(
        default="none", description="clamd://host:3310"
    )
    media_scanner_seconds: float = Field(
        default=10.0,
        gt=0,
        le=60,
        allow_inf_nan=False,
        description="how long an upload waits for it",
    )
    media_bytes: _Count = Field(default=52_428_800, description="of one file")
    media_seconds: float = Field(
        default=300.0, gt=0, le=3_600, allow_inf_nan=False, description="for one file to come"
    )
    media_uploads: _Count = Field(default=16, description="on their way in at once")
    media_kept_seconds: int = Field(
        default=86_400, ge=7_200, description="how long media are kept that no entry names"
    )

    log_key: str = Field(
        default="", description="a file with the key that the audit log is signed with"
    )
    log_policy: str = Field(
        default="", description="a file that names the log's witnesses and its quorum"
    )

    opener_days: int = Field(
        default=30, ge=0, le=3_650, description="how long whoever opened a plan may use it by that"
    )
    claim_days: int = Field(
        default=31,
        ge=1,
        le=366,
        description="how long what an organisation claims for itself lasts",
    )
    restricting_labels: tuple[str, ...] = Field(
        default=("address", "mental-health"), description="labels that limit who sees something"
    )
    roles: dict[str, tuple[str, ...]] = Field(
        default={}, validate_default=True, description="names in place of the usual ones, by kind"
    )

    @field_validator("roles", mode="after")
    @classmethod
    def _with_the_usual(cls, given: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if not given.keys() <= {*KINDS_OF_ROLE}:
            raise ValueError(f"may name only the kinds {', '.join(KINDS_OF_ROLE)}")
        return {**USUAL_ROLES, **given}

    @property
    def instance_id(self) -> str:
        """The static member's name in its consumer groups."""
        return self.instance or f"{self.service}-1"


_Of = TypeVar("_Of", bound=BaseSettings)

_A_MAP: Final = "must be a JSON object with a list of names for each kind of role"
_EXPECTED: Final[Mapping[str, str]] = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "dict_type": _A_MAP,
    "tuple_type": _A_MAP,
    "string_type": _A_MAP,
    "bool_parsing": "must be true or false",
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt:.0f}",
    "greater_than_equal": "must be {ge:.0f} or more",
    "less_than_equal": "must be {le:.0f} or less",
}


def from_environment(kind: type[_Of], **given: Any) -> _Of:
    """Reads settings; ``SettingUnusable`` says in one sentence what is wrong with the first.

    The value itself is not repeated: it may hold a password.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        context = first.get("ctx", {})
        expected = _EXPECTED.get(first["type"], "cannot be used").format(**context)
        if first["type"] == "value_error":
            expected = str(context["error"])
        raise SettingUnusable(f"{_variable(kind, name)} {expected}.") from None
    except SettingsError as error:
        name = str(error).partition('field "')[2].partition('"')[0]
        raise SettingUnusable(f"{_variable(kind, name)} {_A_MAP}.") from None


def _variable(kind: type[BaseSettings], name: str) -> str:
    field = kind.model_fields.get(name)
    alias = field.validation_alias if field is not None else None
    if isinstance(alias, str):
        return alias
    return name if name.isupper() else f"{kind.model_config.get('env_prefix', '')}{name}".upper()
