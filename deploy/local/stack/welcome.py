"""The last word of `make run`: the addresses, and three requests to paste."""

from collections.abc import Mapping
from typing import Any

from deploy.local.example.plan import Sown
from deploy.local.processes.output import Terminal
from shared.cli.token import Signer, professional


def addresses(
    terminal: Terminal, urls: Mapping[str, str], stack: Mapping[str, Any], seconds: float
) -> None:
    """Where everything is."""
    terminal.write(f"\nEverything runs, after {seconds:.1f} s:\n")
    for name, url in urls.items():
        terminal.write(f"  {name:<18} {url}")
    terminal.write(f"  {'PostgreSQL':<18} {stack['postgres']['url']}")
    terminal.write(f"  {'Kafka':<18} {stack['kafka']['bootstrap']}\n")


def requests(terminal: Terminal, urls: Mapping[str, str], signer: Signer, sown: Sown) -> None:
    """A request for the plan, its history and its audit record, each with a token that may."""
    reader = signer.sign(
        professional("ZZG01", "care-coordinator", sown.reader, org_name=sown.reader_organisation)
    )
    officer = signer.sign(
        professional(
            "ZZG01", "privacy-officer", "Nell Ward-Synth", org_name=sown.reader_organisation
        )
    )
    plan = f"/v1/plans/{sown.plan_id}"
    records = f"/v1/audit/records?plan_id={sown.plan_id}"
    for service, title, path, token in (
        ("plan", "The plan of Edith Marlow-Synth (synthetic)", plan, reader),
        ("plan", "Its history: who contributed what", f"{plan}/history", reader),
        ("audit", "Its audit record: who changed what, and what was refused", records, officer),
    ):
        if service in urls:
            terminal.write(f"\n# {title}")
            terminal.write(f"curl -s -H 'Authorization: Bearer {token}' '{urls[service]}{path}'")
    terminal.write("\nOther tokens: .venv/bin/careplan token --help")
