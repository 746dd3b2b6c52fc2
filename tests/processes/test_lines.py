"""The last lines of a process, however its interpreter ends."""

import subprocess
import sys

# The imports cost more than all the rest: they are done once, and each ending is one of a fork.
_ENDS = """
import asyncio, os
from shared.chassis.telemetry.line_writer import LineWriter

async def speak(writer, ending):
    writer.info(f"held until {ending!r}")
    if ending is not None:
        raise ending

for ending in (None, SystemExit(0), RuntimeError(), KeyboardInterrupt()):
    if os.fork() == 0:
        asyncio.run(speak(LineWriter(), ending))
        break
    os.wait()
"""


def test_what_is_held_is_written_however_the_interpreter_ends() -> None:
    ended = subprocess.run(  # noqa: S603 - this Python, and a script of ours
        [sys.executable, "-c", _ENDS], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.stdout.splitlines() == [
        "held until None",
        "held until SystemExit(0)",
        "held until RuntimeError()",
        "held until KeyboardInterrupt()",
    ]
