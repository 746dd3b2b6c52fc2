"""A folder and ports for one stack alone."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.processes.problem import Problem
from deploy.local.processes.process import born
from deploy.local.processes.supervisor import Seen
from deploy.local.stack import place
from deploy.local.stack.stack_file import StackFile


def test_a_second_stack_in_the_folder_is_told_who_has_it(tmp_path: Path) -> None:
    with place.taken(tmp_path):
        pid = place.holder(tmp_path)
        assert pid is not None
        with pytest.raises(Problem, match=f"pid {pid}"), place.taken(tmp_path):
            pass
    assert place.holder(tmp_path) is None
    with place.taken(tmp_path):
        pass


def test_a_port_in_use_is_named_with_the_setting_that_moves_it() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Problem, match=rf"port {port} \(goals\).*CAREPLAN_PORT_OFFSET"):
            place.check_ports({"goals": port})
    place.check_ports({"goals": port})


def test_stack_json_is_replaced_as_a_whole_and_only_for_its_owner(tmp_path: Path) -> None:
    file = StackFile(tmp_path / "stack.json")
    assert file.read() == {}
    file.write({"services": {}})
    assert file.read() == {"services": {}}
    assert (tmp_path / "stack.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "stack.json").write_text('{"half')
    assert file.read() == {}
    file.remove()
    file.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_was_written_down_without_its_birth_is_nobodys(tmp_path: Path) -> None:
    """Killed in the moment of a start: the next start neither dies of it nor kills a stranger."""
    file, said = tmp_path / "pids.json", list[str]()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    pids = place.Pids(file)
    for left in ({"goals": [gone.pid, None]}, {"goals": [os.getpid(), None]}):
        file.write_text(json.dumps(left))
        asyncio.run(pids.tidy_up(said.append))
        assert not file.exists()
    assert said == []
    pids.write({"goals": Seen(os.getpid(), None, False), "plan": Seen(os.getpid(), "7", True)})
    assert json.loads(file.read_text()) == {"plan": [os.getpid(), "7"]}


def test_a_process_that_ends_just_before_it_is_killed_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pids.json"
    hanging = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    file.write_text(json.dumps({"goals": [hanging.pid, born(hanging.pid)]}))

    async def not_yet(pid: int, *_: object, **__: object) -> bool:
        if hanging.returncode is None:
            os.kill(pid, signal.SIGKILL)
            hanging.wait()
            return False
        return True

    monkeypatch.setattr(place, "gone", not_yet)
    asyncio.run(place.Pids(file).tidy_up(lambda _: None))
    assert not file.exists()
