"""aiokafka on uvloop: what is written to a closed connection is an error of the connection."""

from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

_send = AIOKafkaConnection.send


def refuse_closed_connections() -> None:
    """Tell aiokafka before it writes that the other side has closed a connection.

    asyncio passes over what is written then, and aiokafka finds out at its next read. uvloop raises
    ``RuntimeError``, which aiokafka takes for a mistake of its own: the task that keeps a consumer
    in its group ends, and is never started again (aiokafka issue 1038).
    """
    AIOKafkaConnection.send = _send_if_open


def _send_if_open(self: Any, *given: Any, **named: Any) -> Any:
    writer = self._writer
    if writer is not None and writer.transport.is_closing():
        self.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError("the other side has closed the connection")
    return _send(self, *given, **named)
