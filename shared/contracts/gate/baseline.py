"""What the declarations are held against: the contracts of the last release, or those committed.

A release is a tag ``v…``. What it has holds whatever stands in the working tree, so that deleting
or editing a file lifts nothing.
"""

import subprocess
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Final

_TAGS: Final = "v[0-9]*"
_KINDS: Final = (".json", ".yaml")


def baseline(folder: Path) -> Mapping[str, str]:
    """The texts of the contracts to compare with, by their paths below ``contracts/``."""
    return released(folder) or committed(folder)


def committed(folder: Path) -> dict[str, str]:
    """What stands in the folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in _KINDS and "examples" not in path.parts
    }


def released(folder: Path) -> dict[str, str]:
    """What the newest release before this state has; nothing where there is none, or no history."""
    tag = _git(folder, "describe", "--tags", "--abbrev=0", "--match", _TAGS).decode().strip()
    if not tag:
        return {}
    archive = _git(folder.parent, "archive", "--format=tar", tag, "--", folder.name)
    texts: dict[str, str] = {}
    with tarfile.open(fileobj=BytesIO(archive)) as held:
        for member in held.getmembers():
            path = Path(member.name)
            read = held.extractfile(member) if member.isfile() else None
            if read and path.suffix in _KINDS and "examples" not in path.parts:
                texts[path.relative_to(folder.name).as_posix()] = read.read().decode()
    return texts


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        told = subprocess.run(  # noqa: S603 - arguments of ours
            ["git", *arguments],  # noqa: S607 - whichever git is there
            cwd=folder,
            capture_output=True,
            check=False,
        )
    except OSError:
        return b""
    return told.stdout if told.returncode == 0 else b""
