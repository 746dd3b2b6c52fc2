"""``make catalogue``: writes the pages, and says where they are."""

import argparse
import sys
from pathlib import Path
from typing import Final

from shared.contracts.catalogue.published import Published
from shared.contracts.catalogue.site import NotOurs, write
from shared.contracts.generate import CONTRACTS

FOLDER: Final = CONTRACTS.parent / "build" / "catalogue"


def main(arguments: list[str] | None = None) -> int:
    """Write the catalogue of ``contracts/``, or of another folder of contracts."""
    parser = argparse.ArgumentParser(description="Write the contracts as pages for people.")
    parser.add_argument("--contracts", type=Path, default=CONTRACTS, help="the folder to read")
    parser.add_argument("--to", type=Path, default=FOLDER, help="the folder to write")
    given = parser.parse_args(arguments)
    try:
        count = write(Published(given.contracts), given.to)
    except NotOurs as error:
        parser.error(str(error))
    sys.stdout.write(f"{count} pages: {given.to / 'index.html'}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
