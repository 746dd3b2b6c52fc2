"""`make seed`: loads the plans of the examples into the running stack."""

import asyncio
import sys
from pathlib import Path

from deploy.examples.load import load
from deploy.examples.story import StoryUnusable, stories
from deploy.local.processes.problem import Problem, plainly
from deploy.local.settings import stack_settings
from deploy.local.stack.stack_file import StackFile
from shared.cli.token import Signer


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def main() -> int:
    """Loads the plans of the examples into the running stack."""
    try:
        settings = stack_settings()
        stack = StackFile(settings.folder / "stack.json").read()
        if not stack:
            raise Problem(f"no stack runs in {settings.folder}: start it with `make run`")
        urls = {name: service["url"] for name, service in stack["services"].items()}
        signer = Signer(stack["issuer"]["iss"], Path(stack["issuer"]["private_key"]))
        told = stories()
    except Problem as problem:
        return _failed(str(problem), problem.status)
    except StoryUnusable as unusable:
        return _failed(str(unusable))
    except (KeyError, TypeError, AttributeError):
        return _failed(f"{settings.folder / 'stack.json'} was not written by `make run`")
    except OSError as error:
        return _failed(plainly(error))
    loaded = asyncio.run(load(told, urls, signer, _print))
    failed = [str(one) for one in loaded if one.failure is not None]
    return _failed("; ".join(failed)) if failed else 0


def _failed(text: str, status: int = 1) -> int:
    sys.stderr.write(f"make seed: {text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
