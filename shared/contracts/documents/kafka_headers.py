"""The headers of every message on Kafka: CloudEvents 1.0 in binary mode, and our own."""

from typing import Any, Final

Json = dict[str, Any]


def _text(description: str, **others: Any) -> Json:
    return {"type": "string", "description": description, **others}


_COMMON: Final = {
    "content-type": {"const": "application/json", "description": "The value is JSON in UTF-8."},
    "ce_specversion": {"const": "1.0", "description": "The version of CloudEvents."},
}
_TRACE: Final = {"traceparent": _text("The W3C trace context of what caused it.")}
_SIGNATURE: Final = {
    "ce_signature": _text(
        "A detached JWS (RFC 7515, appendix F) over the bytes of the value, where the "
        "organisation signs."
    )
}
_PARTITION: Final = {"ce_partitionkey": _text("The key again, the plan_id.", format="uuid")}


def _headers(properties: Json, *optional: str) -> Json:
    may_be_missing = {*optional, *_TRACE, *_SIGNATURE}
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in may_be_missing],
    }


def of_a_command(type_: str) -> Json:
    """The headers of a contribution."""
    return _headers(
        {
            **_COMMON,
            "ce_id": _text("The contribution_id.", format="uuid"),
            "ce_source": _text(
                "Whose it is, `urn:careplan:org:` and the code of the organisation in lower case.",
                pattern="^urn:careplan:org:[a-z0-9-]+$",
            ),
            "ce_type": {"const": type_, "description": "The command."},
            **_SIGNATURE,
            **_TRACE,
            "ce_partitionkey": _text(
                "The key again, the plan_id. Intake sets it; in an inbox it is passed over."
            ),
            "ce_roles": _text(
                "The service roles that the inbox was granted, with commas between. Intake alone "
                "sets it; in an inbox it is passed over."
            ),
        },
        "ce_partitionkey",
        "ce_roles",
    )


def of_an_event(section: str, type_: str) -> Json:
    """The headers of what a section recorded."""
    return _headers(
        {
            **_COMMON,
            "ce_id": _text("`<entry_id>.<entry_version>`, unique within its source."),
            "ce_source": {
                "const": f"urn:careplan:section:{section}",
                "description": "The section that recorded it.",
            },
            "ce_type": {"const": type_, "description": "The event."},
            "ce_subject": _text("`plan/<plan_id>/<section>`."),
            "ce_time": _text("When it was said, assessed or done.", format="date-time"),
            "ce_recordedtime": _text("When the section stored it.", format="date-time"),
            "ce_dataschema": _text("The contract of its content, with its minor version."),
            **_PARTITION,
            "ce_entryid": _text("The entry_id.", format="uuid"),
            "ce_entryversion": _text("The entry_version.", pattern="^[1-9][0-9]*$"),
            "ce_position": _text(
                "Its place in the section's store, from 1 without a gap: whoever has all up to one "
                "has lost nothing.",
                pattern="^[1-9][0-9]*$",
            ),
            "ce_leafhash": _text("SHA-256 of what was stored.", pattern="^[0-9a-f]{64}$"),
            "ce_causationid": _text("The contribution_id.", format="uuid"),
            "ce_authtype": _text(
                "What kind of contributor was authenticated.",
                enum=["user", "app_user", "service_account"],
            ),
            "ce_authclaims": _text("How they were authenticated, as JSON; for the audit."),
            "ce_policyversion": _text("The version of the rules by which it was allowed."),
            "ce_policyinputs": _text(
                "SHA-256 of what those rules were asked about: who asked for what, and by whose "
                "leave.",
                pattern="^[0-9a-f]{64}$",
            ),
            "ce_command": _text("The command that led to it."),
            **_SIGNATURE,
            **_TRACE,
        },
        "ce_leafhash",
        "ce_authclaims",
        "ce_policyversion",
        "ce_policyinputs",
        "ce_command",
    )


OF_A_RECEIPT: Final = _headers(
    {
        **_COMMON,
        "ce_id": _text("`receipt.<section or intake>.<contribution_id>`."),
        "ce_source": _text(
            "Who answers: a section, or `urn:careplan:intake`, which refused to pass it on.",
            pattern="^urn:careplan:",
        ),
        "ce_type": {"const": "careplan.receipt.v1", "description": "A receipt."},
        "ce_causationid": _text("The contribution_id.", format="uuid"),
        **_TRACE,
    }
)
OF_A_CHANGE: Final = _headers(
    {
        **_COMMON,
        "ce_id": _text("`<plan_id>.<plan_version>`."),
        "ce_source": {"const": "urn:careplan:plan", "description": "The plan."},
        "ce_type": {"const": "careplan.plan.changed.v1", "description": "A plan has changed."},
        "ce_subject": _text("`plan/<plan_id>`."),
        **_PARTITION,
        **_TRACE,
    }
)
