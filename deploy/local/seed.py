"""`make seed`: loads the example plan into the running stack."""

import asyncio
import sys
from pathlib import Path

from deploy.local.example.sow import SeedFailed, sow
from deploy.local.processes.problem import Problem, plainly
from deploy.local.settings import stack_settings
from deploy.local.stack.stack_file import StackFile
from deploy.organisations import organisations
from shared.cli.token import Signer


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def main() -> int:
    """Loads the example plan into the running stack."""
    try:
        settings = stack_settings()
        stack = StackFile(settings.folder / "stack.json").read()
        if not stack:
            raise Problem(f"no stack runs in {settings.folder}: start it with `make run`")
        urls = {name: service["url"] for name, service in stack["services"].items()}
        signer = Signer(stack["issuer"]["iss"], Path(stack["issuer"]["private_key"]))
        sown = asyncio.run(sow(urls, signer, organisations(), _print))
    except Problem as problem:
        return _failed(str(problem), problem.status)
    except SeedFailed as failure:
        return _failed(str(failure))
    except (KeyError, TypeError, AttributeError):
        return _failed(f"{settings.folder / 'stack.json'} was not written by `make run`")
    except OSError as error:
        return _failed(plainly(error))
    _print(f"The example plan is loaded: {sown.plan_id}")
    return 0


def _failed(text: str, status: int = 1) -> int:
    sys.stderr.write(f"make seed: {text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
