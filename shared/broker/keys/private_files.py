"""Files with secrets in them: only their owner may read them."""

from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Writes what only its owner may read; readers see the old or the new, never a part."""
    # Under another name first, so that an interrupted start leaves no half of a key.
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(text if text.endswith("\n") else text + "\n")
    unfinished.replace(path)


def private_folder(path: Path) -> None:
    """Makes a folder that only its owner may enter, or makes it so."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
