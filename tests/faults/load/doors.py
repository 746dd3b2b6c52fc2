"""The two doors as contributors use them: what is not answered is sent again."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, Self

import httpx
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from shared.broker.access import BrokerAccess
from shared.cli.token import Signer
from shared.ledger.topics import inbox_topic
from shared.testing.files import File
from tests.faults.load.sent import REUSED, Party, Sent, is_final

PATIENCE = 240.0
_ANSWERED_WITHIN = 20.0
_RECEIPT_WITHIN = 30.0
_PAUSE = 0.2
_FORBIDDEN = 403
_SIGNED_IN_SECONDS_AGO = 2 * 3600
_RECEIPT_PARTITIONS = 3


@contextmanager
def _silenced(log: logging.Logger) -> Iterator[None]:
    """As it was afterwards: whoever shares this process wants to hear it again."""
    nobody, propagates = logging.NullHandler(), log.propagate
    log.addHandler(nobody)
    log.propagate = False
    try:
        yield
    finally:
        log.propagate = propagates
        log.removeHandler(nobody)


class NotAnswered(Exception):
    """No final answer in all this time."""


class HttpDoor:
    """Sends contributions by HTTP, with a token of whoever contributes."""

    def __init__(
        self, urls: Callable[[str], Sequence[str]], issuer: str, private_key: Path
    ) -> None:
        self._urls = urls
        self._signer = Signer(issuer, private_key)
        self._tokens: dict[Party, str] = {}
        self.patience = PATIENCE
        self._client = httpx.AsyncClient(
            timeout=_ANSWERED_WITHIN,
            trust_env=False,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(self, sent: Sent, rng: Random, *, may_abandon: float = 0.0) -> None:
        """Until there is a final answer, or until this contributor gives up on it."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while sent.receipt is None:
            if loop.time() > began + self.patience:
                raise NotAnswered(f"{sent.section} {sent.id}: {sent.trouble[-3:]}")
            # A few hang up before they can have been answered.
            hangs_up = rng.random() < may_abandon / 2
            answered = await self._once(sent, rng, rng.uniform(0.001, 0.03) if hangs_up else None)
            if answered:
                continue
            if rng.random() < may_abandon:
                sent.is_abandoned = True
                return
            await asyncio.sleep(_PAUSE)

    async def _once(self, sent: Sent, rng: Random, hang_up_after: float | None) -> bool:
        sent.attempts += 1
        url = rng.choice(list(self._urls(sent.section)))
        # Cancelled, the client would lose the connections that it was about to close.
        patience = httpx.Timeout(_ANSWERED_WITHIN)
        if hang_up_after is not None:
            patience = httpx.Timeout(_ANSWERED_WITHIN, read=hang_up_after, write=hang_up_after)
        try:
            answer = await self._client.post(
                f"{url}/v1/contributions",
                json=dict(sent.contribution),
                headers={"Authorization": f"Bearer {self.token(sent.by)}"},
                timeout=patience,
            )
        except httpx.HTTPError as error:
            sent.unanswered += 1
            sent.trouble.append(type(error).__name__)
            return False
        told = _object(answer)
        receipt = told if "outcome" in told else told.get("receipt")
        is_forbidden = answer.status_code == _FORBIDDEN and not told.get("retryable")
        if is_forbidden or told.get("code") == REUSED:
            receipt = {"outcome": "refused", "code": told["code"], "kept": False}
        if receipt is not None:
            sent.answers.append(receipt)
            return is_final(receipt)
        sent.trouble.append(f"{answer.status_code} {told.get('code', '')}")
        if answer.status_code < 500 and not told.get("retryable"):
            raise NotAnswered(f"{sent.contribution['command']}: {answer.text}")
        return False

    async def store(self, file: File, sent: Sent) -> None:
        """Store a file that a contribution is going to name, in the name of who makes it.

        Who may not store it, or finds the plan ended, hears so again of the contribution.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self.patience
        trouble = ""
        while loop.time() < until:
            try:
                answer = await self._client.post(
                    f"{next(iter(self._urls(sent.section)))}/v1/media",
                    params={"plan_id": sent.plan_id},
                    content=file.content,
                    headers={"Authorization": f"Bearer {self.token(sent.by)}", **file.headers},
                )
                trouble = f"{answer.status_code} {_object(answer).get('code', '')}"
                if answer.status_code < 500 and "plan-unknown" not in trouble:
                    return
            except httpx.HTTPError as error:
                trouble = type(error).__name__
            await asyncio.sleep(_PAUSE)
        raise NotAnswered(f"storing a file: {trouble}")

    def token(self, by: Party) -> str:
        """The bearer token of a contributor, valid for the whole run."""
        if by not in self._tokens:
            # Signed in a while ago: a service whose clock is behind knows them all the same.
            issued = int(time.time()) - _SIGNED_IN_SECONDS_AGO
            self._tokens[by] = self._signer.sign({**by.claims, "iat": issued})
        return self._tokens[by]


class KafkaDoor:
    """Sends contributions to the inboxes of organisations, and reads the answers as they do."""

    def __init__(self, broker: BrokerAccess, organisations: Sequence[str]) -> None:
        self._broker = broker
        self._organisations = organisations
        self._producer: AIOKafkaProducer | None = None
        self._reading: asyncio.Task[None] | None = None
        self._answers: dict[str, list[dict[str, Any]]] = {}
        self._came = asyncio.Event()
        self._quiet = ExitStack()
        self.patience = PATIENCE

    async def __aenter__(self) -> Self:
        # It says at length that a broker is away, which is what happens here.
        self._quiet.enter_context(_silenced(logging.getLogger("aiokafka")))
        self._producer = await self._connected()
        self._reading = asyncio.create_task(self._read_for_ever())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
        if self._producer is not None:
            with suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(self._producer.stop(), 3)
        self._quiet.close()

    async def send(self, sent: Sent) -> None:
        """Until there is a final answer on the organisation's topic of receipts."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        seen = len(self._answers.setdefault(sent.id, []))
        while True:
            if loop.time() > began + self.patience:
                raise NotAnswered(f"{sent.section} {sent.id} over Kafka: {sent.trouble[-3:]}")
            sent.attempts += 1
            if not await self._put(sent):
                continue
            received = await self._received(sent.id, seen)
            sent.answers.extend(received[seen:])
            seen = len(received)
            if sent.receipt is not None:
                return
            sent.unanswered += 1
            await asyncio.sleep(_PAUSE)

    def take_late_answers(self, everything: Sequence[Sent]) -> None:
        """Adds the answers that came after the first one."""
        for sent in everything:
            if sent.door == "kafka":
                sent.answers = list(self._answers.get(sent.id, ()))

    async def _put(self, sent: Sent) -> bool:
        assert self._producer is not None
        headers = [
            ("content-type", b"application/json"),
            ("ce_specversion", b"1.0"),
            ("ce_id", sent.id.encode()),
            ("ce_source", f"urn:careplan:org:{sent.by.org.lower()}".encode()),
            ("ce_type", str(sent.contribution["command"]).encode()),
        ]
        try:
            await asyncio.wait_for(
                self._producer.send_and_wait(
                    inbox_topic(sent.by.org),
                    orjson.dumps(dict(sent.contribution)),
                    sent.plan_id.encode(),
                    headers=headers,
                ),
                30,
            )
        except (KafkaError, OSError, TimeoutError) as error:
            sent.trouble.append(type(error).__name__)
            await asyncio.sleep(_PAUSE)
            return False
        return True

    async def _received(self, contribution_id: str, seen: int) -> Sequence[dict[str, Any]]:
        with suppress(TimeoutError):
            async with asyncio.timeout(_RECEIPT_WITHIN):
                while len(self._answers[contribution_id]) <= seen:
                    came = self._came
                    await came.wait()
        return list(self._answers[contribution_id])

    async def _connected(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._broker.options, acks="all", request_timeout_ms=8_000, linger_ms=0
        )
        await producer.start()
        return producer

    async def _read_for_ever(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._broker.options,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=100,
        )
        await consumer.start()
        try:
            consumer.assign(
                [
                    TopicPartition(f"careplan.receipts.{org.lower()}.v1", number)
                    for org in self._organisations
                    for number in range(_RECEIPT_PARTITIONS)
                ]
            )
            while True:
                try:
                    found = await consumer.getmany(timeout_ms=200)
                except KafkaError:
                    await asyncio.sleep(_PAUSE)
                    continue
                for records in found.values():
                    for record in records:
                        self._take(record.value)
                if found:
                    self._came.set()
                    self._came = asyncio.Event()
        finally:
            await consumer.stop()

    def _take(self, value: bytes) -> None:
        receipt: Mapping[str, Any] = orjson.loads(value)
        self._answers.setdefault(receipt["contribution_id"], []).append(dict(receipt))


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
