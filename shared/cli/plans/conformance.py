"""`careplan conformance`: what an organisation passes before it goes live."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared.broker.access import BrokerAccess
from shared.broker.rights import ADMIN
from shared.cli import running_stack
from shared.cli.contracts import junit
from shared.cli.output import as_json, fail
from shared.ledger.topics import inbox_topic, receipts_topic

_MOST: Final = 100_000
"""How many records are judged at once; with more, say since when."""

_INCOMPLETE: Final = 4
_PATIENCE: Final = 30.0  # seconds, for a batch of records that the broker says it has


def conformance(
    org: Annotated[str, typer.Argument(help="The organisation, as ZZG01 or x-harbour-homes.")],
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%SZ"],
            help="Judge only what was sent from then on, as 2026-11-14T15:05:00+00:00.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", help="Write the report here too, as JUnit XML.")
    ] = None,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Judge an organisation's client by what it has put into its inbox, and by its receipts.

    Let the client contribute to a stack first, a change that is stale and a plan that is new among
    it. Exit 0 where all was done right, 1 where something was wrong or cannot be read, 2 where it
    is too much at once, 4 where something was never shown.
    """
    from shared.contracts.conformance import (  # noqa: PLC0415 - slow
        FAILED,
        NOT_SHOWN,
        Sent,
        Traffic,
    )

    # An organisation may write its inbox and not read it: what stands there, an operator reads.
    access = BrokerAccess.of_stack(running_stack.read(stack_dir)["kafka"], ADMIN)
    try:
        records, partitions = asyncio.run(_read(access, inbox_topic(org), since))
        answers, _ = asyncio.run(_read(access, receipts_topic(org), since))
    except UnicodeDecodeError:  # from the library, in the middle of a batch
        fail(
            f"The inbox of {org} cannot be read: a record has a header whose name is not UTF-8. "
            "Leave it out with --since."
        )
    except (KafkaError, OSError, TimeoutError) as error:
        fail(f"The inbox of {org} cannot be read ({type(error).__name__}).")
    sent = [
        Sent(one.partition, one.offset, one.key, tuple(one.headers), one.value) for one in records
    ]
    receipts = [orjson.loads(one.value) for one in answers]
    checks = Traffic(org.lower(), partitions, sent, receipts).checks()
    results = {check.result for check in checks}
    verdict = FAILED if FAILED in results else "incomplete" if NOT_SHOWN in results else "passed"
    if json:
        as_json(
            {
                "org": org.lower(),
                "result": verdict,
                "records": len(sent),
                "checks": [check.as_json() for check in checks],
            }
        )
    else:
        for check in checks:
            typer.echo(f"{check.result:9}  {check.name:10} {check.words} ({check.seen} seen)")
            for place in check.wrong[:10]:
                typer.echo(f"             {place}")
        typer.echo(f"{org.lower()}: {verdict}, by {len(sent)} records and {len(receipts)} receipts")
    if junit_file is not None:
        unseen = "nothing of the kind was sent"
        junit.write(
            junit_file,
            "careplan conformance",
            [
                junit.Result(org.lower(), f"{check.name}: {check.words}", check.wrong)
                if check.result != NOT_SHOWN
                else junit.Result(org.lower(), f"{check.name}: {check.words}", skipped=unseen)
                for check in checks
            ],
        )
    if verdict != "passed":
        raise typer.Exit(1 if verdict == FAILED else _INCOMPLETE)


async def _read(access: BrokerAccess, topic: str, since: datetime | None) -> tuple[list[Any], int]:
    """What stands on a topic now, and how many partitions it has."""
    consumer = AIOKafkaConsumer(
        topic,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **access.options,
    )
    async with consumer:
        partitions = sorted(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        begins = await consumer.beginning_offsets(partitions)
        if since is not None:
            asked = dict.fromkeys(partitions, int(since.timestamp() * 1000))
            found = await consumer.offsets_for_times(asked)
            begins = {p: found[p].offset if found.get(p) else ends[p] for p in partitions}
        if sum(ends[p] - begins[p] for p in partitions) > _MOST:
            fail(f"{topic} holds more than {_MOST:,} records: say --since.", 2)
        for partition in partitions:
            consumer.seek(partition, begins[partition])
        return [one async for one in _until(consumer, ends)], len(partitions)


async def _until(
    consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]
) -> AsyncIterator[ConsumerRecord]:
    async with asyncio.timeout(_PATIENCE) as patience:
        while any([await consumer.position(p) < end for p, end in ends.items()]):
            found = await consumer.getmany(timeout_ms=500)
            for partition, records in found.items():
                for record in records:
                    if record.offset < ends[partition]:
                        yield record
            if found:
                patience.reschedule(asyncio.get_running_loop().time() + _PATIENCE)
