"""`make seed`: loads the example plan into the stack that runs."""

import asyncio
import sys
from pathlib import Path

from deploy.local.example.sow import SeedFailed, sow
from deploy.local.settings import StackSettings
from deploy.local.stack.stack_file import StackFile
from deploy.organisations import organisations
from shared.cli.token import Signer


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def main() -> int:
    """Loads the example into the stack that runs."""
    settings = StackSettings()
    stack = StackFile(settings.folder / "stack.json").read()
    if not stack:
        sys.stderr.write(f"make seed: no stack in {settings.folder}: start it with `make run`\n")
        return 1
    urls = {name: service["url"] for name, service in stack["services"].items()}
    signer = Signer(stack["issuer"]["iss"], Path(stack["issuer"]["private_key"]))
    try:
        sown = asyncio.run(sow(urls, signer, organisations(), _print))
    except SeedFailed as failure:
        sys.stderr.write(f"make seed: {failure}\n")
        return 1
    _print(f"plan {sown.plan_id}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
