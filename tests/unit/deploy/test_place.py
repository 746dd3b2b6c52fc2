"""A folder and ports for one stack alone."""

import socket
from pathlib import Path

import pytest

from deploy.local.processes.problem import Problem
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
