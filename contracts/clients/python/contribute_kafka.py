"""Contributes through an organisation's inbox, and waits for a final receipt for each.

    python contribute_kafka.py connection.json contributions.json

Needs aiokafka. Ends with 0 where each was accepted, 1 where one was refused, 2 where one has no
answer yet; send those again as they are.
"""

import asyncio
import json
import ssl
import sys
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

ANSWERED_WITHIN = 300  # seconds, for all; a receipt usually takes well under one
SENT_AGAIN_AFTER = 1  # seconds, where a section has not heard of the plan yet


def security(connection):
    """How both clients prove who they are; nothing where the broker asks for nothing."""
    if "certificate" in connection:
        context = ssl.create_default_context(cafile=connection.get("ca"))
        context.load_cert_chain(connection["certificate"])  # the file has the key too
        return {"security_protocol": "SSL", "ssl_context": context}
    if "username" not in connection:
        return {}
    return {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": connection["username"],
        "sasl_plain_password": connection["password"],
        "ssl_context": ssl.create_default_context(cafile=connection.get("ca")),
    }


def headers(connection, contribution):
    """CloudEvents 1.0 in binary mode."""
    told = {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": contribution["contribution_id"],
        "ce_source": f"urn:careplan:org:{connection['org']}",
        "ce_type": contribution["command"],
    }
    return [(name, value.encode()) for name, value in told.items()]


async def send(producer, connection, contributions):
    """In this order; returns when the broker has all of them."""
    waiting = [
        await producer.send(
            connection["inbox"],
            json.dumps(one).encode(),
            key=one["plan_id"].encode(),  # aiokafka partitions by murmur2, as Kafka does
            headers=headers(connection, one),
        )
        for one in contributions
    ]
    await asyncio.gather(*waiting)


async def contribute(connection, contributions):
    """Yields one final receipt for each contribution, in the order in which they come."""
    told = {"bootstrap_servers": connection["bootstrap"], **security(connection)}
    producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **told)
    # No group: whoever contributes looks for its own receipts, from now on.
    receipts = AIOKafkaConsumer(connection["receipts"], auto_offset_reset="latest", **told)
    async with producer, receipts:
        await receipts.seek_to_end()
        for partition in receipts.assignment():
            await receipts.position(partition)  # so that nothing sent from here on is missed
        open_ = {one["contribution_id"]: one for one in contributions}
        await send(producer, connection, contributions)
        while open_:
            receipt = json.loads((await receipts.getone()).value)
            contribution = open_.get(receipt.get("contribution_id"))
            if contribution is None:
                continue  # another client of this organisation
            if receipt.get("retryable"):
                await asyncio.sleep(SENT_AGAIN_AFTER)
                await send(producer, connection, [contribution])
            else:
                del open_[receipt["contribution_id"]]
                yield receipt


async def report(connection, contributions):
    """Prints each receipt as it comes; the exit code."""
    outcomes = set()
    try:
        async with asyncio.timeout(ANSWERED_WITHIN):
            async for receipt in contribute(connection, contributions):
                print(json.dumps(receipt), flush=True)
                outcomes.add(receipt["outcome"])
    except (KafkaError, TimeoutError) as error:
        said = f"not everything was answered ({type(error).__name__}); send it again as it is"
        print(said, file=sys.stderr)
        return 2
    return 1 if "refused" in outcomes else 0


def main(connection_file, file):
    connection = json.loads(Path(connection_file).read_text())
    given = json.loads(sys.stdin.read() if file == "-" else Path(file).read_text())
    return asyncio.run(report(connection, given if isinstance(given, list) else [given]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
