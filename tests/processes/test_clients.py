"""The clients that organisations copy, where no broker and no service is needed to judge them."""

import json
import os
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from shared.contracts.generate import CONTRACTS

KCAT = CONTRACTS / "clients" / "kcat" / "contribute.sh"
PYTHON = CONTRACTS / "clients" / "python" / "contribute_kafka.py"
HTTP = CONTRACTS / "clients" / "python" / "contribute_http.py"
ID = "0199c0de-0000-7000-8000-000000000001"
GIVEN = {"contribution_id": ID, "plan_id": ID, "command": "careplan.goals.commands.agree.v1"}
CONNECTION = {"org": "zzg01", "bootstrap": "127.0.0.1:1", "inbox": "inbox", "receipts": "receipts"}
needs_kcat = pytest.mark.skipif(
    shutil.which("kcat") is None or shutil.which("jq") is None,
    reason="THE CLIENT WITH KCAT WAS NOT RUN: kcat and jq are not both here",
)


def run(folder: Path, *command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    (folder / "connection.json").write_text(json.dumps({**CONNECTION, **more}))
    return subprocess.run(  # noqa: S603 - our own words
        [*command, folder / "connection.json", "-"],
        input=json.dumps(GIVEN),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
    )


@pytest.mark.parametrize(
    "command", [pytest.param([KCAT], marks=needs_kcat), [sys.executable, PYTHON]]
)
def test_without_a_broker_an_answer_is_missing_and_nothing_is_refused(
    command: list[str | Path], tmp_path: Path
) -> None:
    ended = run(tmp_path, *command)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "not everything was answered" in ended.stderr
    assert "Traceback" not in ended.stderr


class Proxy(BaseHTTPRequestHandler):
    """Has no section behind it the first time."""

    answers: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = self.answers.pop(0)
        self.send_response(200 if body.startswith(b"{") else 502)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_over_http_what_a_proxy_says_is_no_answer(tmp_path: Path) -> None:
    receipt = {"contribution_id": ID, "outcome": "accepted"}
    Proxy.answers = [b"<h1>Bad Gateway</h1>", json.dumps(receipt).encode()]
    file = tmp_path / "given.json"
    file.write_text(json.dumps(GIVEN))
    with HTTPServer(("127.0.0.1", 0), Proxy) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        ended = subprocess.run(  # noqa: S603 - our own words
            [sys.executable, HTTP, f"http://127.0.0.1:{server.server_port}", file],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "CAREPLAN_TOKEN": "t"},
        )
        server.shutdown()
    assert (ended.returncode, json.loads(ended.stdout)) == (0, receipt), ended.stderr


@needs_kcat
def test_kcat_is_told_the_password_where_nobody_else_reads_it(tmp_path: Path) -> None:
    receipt = json.dumps({"contribution_id": ID, "outcome": "accepted"})
    stand_in = tmp_path / "kcat"
    stand_in.write_text(
        f"#!/bin/sh\necho \"$@\" >>'{tmp_path}/arguments'\n"
        'while [ "$1" != -F ]; do shift; done\n'
        f'ls -ld "$(dirname "$2")" >\'{tmp_path}/mode\'\ncat "$2" >\'{tmp_path}/settings\'\n'
        f"echo '0.0 {receipt}'\n"
    )
    stand_in.chmod(0o700)
    ended = run(tmp_path, KCAT, username="zzg01", password="not-for-all", ca="/ca.pem")
    assert ended.returncode == 0, ended.stderr
    arguments = (tmp_path / "arguments").read_text()
    assert arguments.startswith("-P ")
    assert "not-for-all" not in arguments
    assert "sasl.password=not-for-all\n" in (tmp_path / "settings").read_text()
    assert (tmp_path / "mode").read_text().startswith("drwx------")
