"""How many dead letters each consumer has parked of late: a limit in an hour rests on it."""

from collections.abc import Collection, Mapping

from shared.chassis.database.database import Connection

_OF_THE_HOUR = """
SELECT consumer, sum(letters)::bigint AS letters FROM dead_letter_count
 WHERE consumer = ANY($1::text[]) AND at > clock_timestamp() - interval '1 hour'
 GROUP BY consumer
"""
_ADD = """
WITH trimmed AS (
    DELETE FROM dead_letter_count
     WHERE consumer = ANY($1::text[]) AND at < clock_timestamp() - interval '1 day'
)
INSERT INTO dead_letter_count AS c
SELECT consumer, date_trunc('minute', clock_timestamp()), letters
  FROM unnest($1::text[], $2::bigint[]) AS given (consumer, letters)
    ON CONFLICT (consumer, at) DO UPDATE SET letters = c.letters + excluded.letters
"""


async def letters_of_the_hour(
    connection: Connection, consumers: Collection[str]
) -> Mapping[str, int]:
    """How many each of them has parked within the last hour; who parked none is not among them."""
    rows = await connection.fetch(_OF_THE_HOUR, list(consumers))
    return {row["consumer"]: row["letters"] for row in rows}


async def count_letters(connection: Connection, letters: Mapping[str, int]) -> None:
    """Add what each consumer parks now, in the caller's transaction; a day is remembered."""
    await connection.execute(_ADD, list(letters), list(letters.values()))
