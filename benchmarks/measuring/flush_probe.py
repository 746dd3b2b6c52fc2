"""Writes 8 kB and flushes it, again and again: ``flush_probe.py FOLDER SECONDS`` prints the rate.

A process of its own, so that what slows a server's flush can be preloaded into it as well.
"""

import os
import sys
import tempfile
import time

SECONDS = 0.25
_BLOCK = b"\0" * 8_192


def flushes_a_second(folder: str, seconds: float) -> float:
    """Flushes of 8 kB a second in this folder."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        begun, done = time.perf_counter(), 0
        while (passed := time.perf_counter() - begun) < seconds:
            file.seek(0)
            file.write(_BLOCK)
            os.fdatasync(file.fileno())
            done += 1
    return done / passed


if __name__ == "__main__":
    print(flushes_a_second(sys.argv[1], float(sys.argv[2])))
