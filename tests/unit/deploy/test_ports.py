"""A port that was chosen for a server is still free when the server starts."""

import socket
import sys

import pytest

from deploy.local.servers.kafka import reserved_port


def test_a_reserved_port_is_given_to_nobody_and_its_server_listens_there() -> None:
    """Kind: between the choice of a port and its use somebody else takes it."""
    with reserved_port() as port, reserved_port() as another:
        assert len({port, port + 1, another, another + 1}) == 4
        for mine in (port, port + 1):
            if sys.platform == "linux":
                with socket.socket() as theirs, pytest.raises(OSError, match="in use"):
                    theirs.bind(("127.0.0.1", mine))
            with socket.create_server(("127.0.0.1", mine)) as server:
                assert server.getsockname()[1] == mine
