"""What stops the stack, said in one line for the person who started it."""

import errno


class Problem(Exception):
    """A reason not to go on; its text is one clear line that says what to do."""


def from_output(what: str, output: str) -> Problem:
    """What a program said when it failed, in one line, with a full disk named as such."""
    if "No space left on device" in output:
        return Problem(f"{what}: the disk is full: free some space and start again")
    lines = output.strip().splitlines() or ["no word why"]
    errors = [line for line in lines if "error" in line.lower()]
    return Problem(f"{what}: {errors[0] if errors else lines[-1]}")


def plainly(error: OSError) -> str:
    """One line for an error of the operating system, with a full disk named as such."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" (writing {error.filename})" if error.filename else ""
        return f"the disk is full{where}: free some space and start again"
    return str(error)
