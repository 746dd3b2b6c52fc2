"""The compatibility gate: what is generated now may break nobody and must be what is committed."""

import sys

from shared.contracts.gate.sentences import WAY_OUT
from shared.contracts.generate import problems_with_committed


def main() -> int:
    """Hold what is generated now against what is committed; the report goes to stderr."""
    found = problems_with_committed()
    for line in found:
        sys.stderr.write(f"{line}\n")
    if found:
        sys.stderr.write(f"{len(found)} found. {WAY_OUT} See contracts/README.md.\n")
        return 1
    sys.stdout.write("The contracts are those of the declarations and break nobody.\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
