"""`careplan contribution`: how far a contribution has come, asked with the rights of who asks."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import httpx
import typer

from shared.cli import running_stack
from shared.cli.asking import Answer, Stack, refuse
from shared.cli.output import as_json, fail, table
from shared.ledger.names import id_in

app = typer.Typer(no_args_is_help=True, help="Follow a contribution.")

_NO_SECTION: Final = frozenset({"intake", "plan", "audit", "viewer"})
_NOT_YET: Final = "not yet"
_NOT_TOLD: Final = "not told"


@app.callback()
def contribution() -> None:
    """Follow a contribution through the services of the running stack."""


@app.command()
def where(
    contribution_id: Annotated[str, typer.Argument(help="The id that the contributor gave it.")],
    org: Annotated[
        str, typer.Option(help="Ask as a system of this organisation, with the stack's own issuer.")
    ] = "",
    section: Annotated[
        str, typer.Option(help="The section that decided; else all are asked.")
    ] = "",
    token: Annotated[
        str, typer.Option(envvar="CAREPLAN_TOKEN", help="Ask with this token instead.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Show when it was received, recorded, on the plan, in the audit log, sealed and first read.

    Only for whoever contributed it, or their organisation: anybody else is told that it is unknown.
    Of a refused one the receipt says why. Whoever may not read the plan any more is not told how
    far it has come there (`is_shut_out`). Exit 1 where nobody knows it.
    """
    if id_in(contribution_id) is None:
        fail("The id of a contribution is a UUID in lower case.", 2)
    if not (token or org):
        fail("Say who asks: --org CODE, or --token (CAREPLAN_TOKEN).", 2)
    stack = Stack(stack_dir, token, (org, "", "Development system"))
    found = _Asking(stack).all_of(contribution_id, section.replace("-", "_"))
    if found is None:
        fail("Nobody knows this contribution, or it is not yours.")
    if json:
        as_json(found)
    else:
        _say(found)


class _Asking:
    """Asks one service after the other."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def all_of(self, contribution_id: str, section: str) -> dict[str, Any] | None:
        """What section, plan and audit know of it; ``None`` where none of them does."""
        receipt = self._receipt(contribution_id, section)
        audited = self._ask("audit", f"audit/contributions/{contribution_id}")
        records = audited["items"] if audited else []
        if receipt is None and section and records:
            receipt = self._receipt(contribution_id, "")  # another section decided
        plan_id = receipt and receipt.get("plan_id")
        is_accepted = receipt is not None and receipt["outcome"] == "accepted"
        on_plan, is_shut_out = None, False
        if is_accepted:
            answer = self._stack.get("plan", f"/v1/plans/{plan_id}/contributions/{contribution_id}")
            is_shut_out = answer.status == httpx.codes.FORBIDDEN
            on_plan = _told(answer)
        if receipt is None and not records:
            return None
        last = records[-1] if records else None
        return {
            "contribution_id": contribution_id,
            "plan_id": plan_id,
            "received": receipt["recorded_at"] if receipt else records[0]["logged_at"],
            "recorded": receipt["recorded_at"] if receipt and is_accepted else None,
            "refused": None if is_accepted else _refused(receipt, last),
            "receipt": receipt,
            "on_the_plan": None
            if on_plan is None
            else {
                "at": on_plan["events"][-1]["projected_at"],
                "plan_versions": [one["plan_version"] for one in on_plan["events"]],
            },
            "in_the_audit_log": None
            if last is None
            else {"at": last["logged_at"], "idx": [one["idx"] for one in records]},
            "sealed": None if last is None else last["sealed"],
            "first_read": None if on_plan is None else on_plan["first_read"],
            "is_shut_out": is_shut_out,
        }

    def _receipt(self, contribution_id: str, section: str) -> dict[str, Any] | None:
        sections = [name for name in self._stack.services if name not in _NO_SECTION]
        if section and section not in sections:
            fail(f"--section is one of {', '.join(sections)}.", 2)
        for name in [section] if section else sections:
            found = self._ask(name, f"contributions/{contribution_id}")
            if found is not None:
                return found
        return None

    def _ask(self, service: str, path: str) -> dict[str, Any] | None:
        if service not in self._stack.services:
            return None
        return _told(self._stack.get(service, f"/v1/{path}"))


def _told(answer: Answer) -> dict[str, Any] | None:
    """What a service says; ``None`` where it knows nothing, or nothing that is theirs."""
    if answer.status in (httpx.codes.NOT_FOUND, httpx.codes.FORBIDDEN):
        return None
    refuse(answer)
    return answer.told


def _refused(receipt: Mapping[str, Any] | None, record: Mapping[str, Any] | None) -> dict[str, Any]:
    """Why it was refused: by its section, as its receipt says, or before that."""
    if receipt is not None:
        return {"by": receipt["section"], "code": receipt["code"], "detail": receipt["detail"]}
    told = record or {}
    return {"by": told.get("section"), "code": told.get("code"), "detail": None}


def _say(found: Mapping[str, Any]) -> None:
    no = found["refused"]
    if_none = _NOT_TOLD if found["is_shut_out"] else _NOT_YET
    rows = [("received", found["received"], "")]
    if no is not None:
        rows.append(
            ("refused", found["received"], f"{no['by']}: {no['code']}. {no['detail'] or ''}")
        )
    else:
        rows.append(("recorded", found["recorded"], f"{found['receipt']['section']}"))
        rows.append(_row("on the plan", found["on_the_plan"], "version {plan_versions}", if_none))
    rows.append(_row("in the audit log", found["in_the_audit_log"], "record {idx}"))
    rows.append(_row("sealed", found["sealed"], "in a log of {size}"))
    if no is None:
        rows.append(_row("first read", found["first_read"], "by {organisation}", if_none))
    table(("STEP", "WHEN", "WHERE"), rows)


def _row(
    step: str, told: Mapping[str, Any] | None, words: str, if_none: str = _NOT_YET
) -> tuple[str, str, str]:
    if told is None:
        why = "you may not read this plan (any more)" if if_none == _NOT_TOLD else ""
        return step, if_none, why
    return step, told["at"], words.format_map({name: _plain(of) for name, of in told.items()})


def _plain(given: Any) -> str:
    if isinstance(given, list):
        return ", ".join(map(str, given))
    if isinstance(given, dict):
        return str(given.get("ods") or given.get("local_id"))
    return "the person, or somebody close to them" if given is None else str(given)
