"""Why the stack stops, in one line for the person who started it."""

import errno


class Problem(Exception):
    """A reason to give up, with an exit code. The text is one line that says what to do."""

    def __init__(self, text: str, *, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


def from_output(what: str, output: str) -> Problem:
    """The error that a program printed, in one line; a full disk is named as such."""
    if "No space left on device" in output:
        return Problem(f"{what}: the disk is full: free some space and start again")
    lines = output.strip().splitlines() or ["it did not say why"]
    errors = [line for line in lines if "error" in line.lower()]
    return Problem(f"{what}: {errors[0] if errors else lines[-1]}")


def plainly(error: OSError) -> str:
    """One line for an error of the operating system, with a full disk named as such."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" (writing {error.filename})" if error.filename else ""
        return f"the disk is full{where}: free some space and start again"
    if error.filename and error.strerror:
        return f"{error.filename}: {error.strerror.lower()}"
    return str(error)
