"""A small file system of its own for a data folder: its room can be taken, and given back."""

import os
import platform
import subprocess
import tempfile
from pathlib import Path
from typing import Final, Self

_ROOMY: Final = 6 * 1024**3


class SmallDisk:
    """A file system in memory, mounted at a folder as long as it is entered."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={_ROOMY},mode=700", "tmpfs", str(self._folder))
        return self

    def __exit__(self, *_: object) -> None:
        _run("umount", "--lazy", str(self._folder))

    def fill(self) -> None:
        """No room from now on: the file system ends where its files end."""
        while not self._is_full():
            there = os.statvfs(self._folder)
            used = (there.f_blocks - there.f_bfree) * there.f_frsize
            try:
                self._resize(used)
            except OSError:  # it has grown meanwhile
                continue

    def make_room(self) -> None:
        """As much as before."""
        self._resize(_ROOMY)

    def _is_full(self) -> bool:
        return os.statvfs(self._folder).f_bfree == 0

    def _resize(self, size: int) -> None:
        _run("mount", "-o", f"remount,size={size}", str(self._folder))


def why_not() -> str:
    """Why there can be no small disk here; empty where there can."""
    if platform.system() != "Linux":
        return "a small file system in memory is made as on Linux"
    if os.geteuid() != 0:
        return "only root may mount a small file system"
    with tempfile.TemporaryDirectory(prefix="careplan-") as folder:
        try:
            with SmallDisk(Path(folder)) as disk:
                disk.fill()
        except OSError as error:
            return f"no small file system can be mounted here: {error}"
    return ""


def _run(*command: str) -> None:
    try:
        ended = subprocess.run(  # noqa: S603 - our own words
            command, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise OSError(f"there is no {command[0]}") from error
    if ended.returncode != 0:
        said = ended.stderr.strip().partition("\n")[0]
        raise OSError(said or f"{command[0]} ended with status {ended.returncode}")
