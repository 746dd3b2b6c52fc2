"""The broker's jars: listed in `kafka.lock` with their SHA-256, downloaded once, always checked."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from jgo.maven import MavenContext, PythonResolver

from deploy.local.processes.problem import Problem

LOCK = Path(__file__).with_name("kafka.lock")
_AT_ONCE = 8
_TRIES = 3


@dataclass(frozen=True)
class Jar:
    """One line of the lock file: what to download, and its checksum."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """Its name in the cache, with the beginning of its checksum."""
        return f"{self.artifact}-{self.version}-{self.sha256[:12]}.jar"


def locked(text: str) -> list[Jar]:
    """Reads the lines `group:artifact:version sha256:hex` of a lock."""
    jars = []
    for line in filter(None, map(str.strip, text.splitlines())):
        coordinate, _, checksum = line.partition(" sha256:")
        group, artifact, version = coordinate.split(":")
        jars.append(Jar(group, artifact, version, checksum))
    return jars


def held(jars: Sequence[Jar], folder: Path) -> bool:
    """True if the folder has every jar with the right checksum."""
    return not _missing(jars, folder)


def fetch(jars: Sequence[Jar], folder: Path, report: Callable[[str], None]) -> None:
    """Downloads what is missing in the folder, or has another checksum."""
    folder.mkdir(parents=True, exist_ok=True)
    if missing := _missing(jars, folder):
        _download(missing, folder, report)


def _missing(jars: Sequence[Jar], folder: Path) -> list[Jar]:
    return [jar for jar in jars if _sha256(folder / jar.filename) != jar.sha256]


def _download(missing: Sequence[Jar], folder: Path, report: Callable[[str], None]) -> None:
    for cut_short in folder.glob("fetching-*"):
        shutil.rmtree(cut_short, ignore_errors=True)
    report(f"Kafka: downloading {len(missing)} files")
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix="fetching-") as staging,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        waiting = [pool.submit(_obtain, jar, Path(staging), folder, report) for jar in missing]
        try:
            for number, done in enumerate(as_completed(waiting), start=1):
                done.result()
                if number % 10 == 0 or number == len(missing):
                    report(f"Kafka: {number} of {len(missing)} files")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _obtain(jar: Jar, staging: Path, folder: Path, report: Callable[[str], None]) -> None:
    for attempt in range(1, _TRIES + 1):
        own = staging / f"{jar.filename}-{attempt}"
        trouble = _try_to_obtain(jar, own, folder / jar.filename)
        if trouble is None:
            return
        if attempt < _TRIES:
            report(f"Kafka: {jar.artifact}: {trouble}; trying again")
    raise Problem(
        f"{jar.artifact} {jar.version} could not be fetched ({trouble}): "
        "check the network and start again, or set KAFKA_SERVERS to a broker of your own"
    )


def _try_to_obtain(jar: Jar, own: Path, target: Path) -> str | None:
    context = MavenContext(repo_cache=own, local_repos=[], resolver=PythonResolver(), timeout=30)
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    try:
        fetched = Path(component.artifact().resolve())
    except RuntimeError as error:  # missing, or not what the repository says it is
        return _first_line(error)
    except OSError as error:
        if (
            error.errno is not None
        ):  # an error of this machine, such as a full disk, and not of the network
            raise
        return f"no connection ({type(error).__name__})"
    if _sha256(fetched) != jar.sha256:
        return "the download is damaged, its SHA-256 is not the one in kafka.lock"
    shutil.move(fetched, target)
    return None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(" in remote repositories")[0]


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
