"""What cannot be read is a precise problem."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.component.http.goals import (
    AGREE,
    GOAL,
    NEED,
    PLAN,
    WORDS,
    Goals,
    changed,
    in_content,
    problem,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


UNREADABLE: dict[str, tuple[bytes, int, str, str]] = {
    "nothing": (b"", 400, "unreadable-json", ""),
    "half of it": (changed()[:-20], 400, "unreadable-json", ""),
    "two of them": (changed() * 2, 400, "unreadable-json", ""),
    "not UTF-8": (changed(command="\u00e9").replace(b"\xc3", b"\xff"), 400, "unreadable-json", ""),
    "UTF-16": (changed().decode().encode("utf-16"), 400, "unreadable-json", ""),
    "a byte order mark": (b"\xef\xbb\xbf" + changed(), 400, "unreadable-json", ""),
    "NaN": (in_content('{"importance": NaN}'), 400, "unreadable-json", ""),
    "Infinity": (in_content('{"importance": -Infinity}'), 400, "unreadable-json", ""),
    "1e400": (in_content('{"importance": 1e400}'), 400, "unreadable-json", ""),
    "a comment": (in_content('{"why": /* x */ 1}'), 400, "unreadable-json", ""),
    "a key twice": (in_content('{"why": "a", "why": "b"}'), 400, "unreadable-json", ""),
    "a key twice, escaped": (in_content('{"why": "a", "wh\\u0079": "b"}'), 400, "unreadable-json",
                             ""),
    "an id twice": (changed()[:-1] + b',"plan_id":null}', 400, "unreadable-json", ""),
    "half a pair": (in_content('{"why": "\\ud800"}'), 400, "unreadable-json", ""),
    "the other half": (in_content('{"why": "\\udc00x"}'), 400, "unreadable-json", ""),
    "half a pair as a key": (in_content('{"\\ud800": 1}'), 400, "unreadable-json", ""),
    "half a pair in bytes": (in_content('{"why": "\ud800"}'), 400, "unreadable-json", ""),
    "deep": (in_content("[" * 100 + "]" * 100), 400, "unreadable-json", ""),
    "very deep": (b"[" * 900_000, 400, "unreadable-json", ""),
    "deep objects": (in_content('{"a":' * 200_000 + "1" + "}" * 200_000), 413, "body-too-large",
                     ""),
    "a NUL": (in_content('{"why": "a\\u0000b"}'), 422, "content-invalid", "/content/why"),
    "a NUL in a key": (in_content('{"a\\u0000": 1}'), 422, "content-invalid", "/content"),
    "a NUL in an id": (changed(contribution_id="\x00"), 422, "content-invalid",
                       "/contribution_id"),
    "2^53 + 1": (in_content(f'{{"importance": {2**53 + 1}}}'), 422, "content-invalid",
                 "/content/importance"),
    "a hundred thousand digits": (in_content('{"importance": ' + "9" * 100_000 + "}"), 422,
                                  "content-invalid", "/content/importance"),
    "a list": (b"[1]", 422, "content-invalid", ""),
    "null": (b"null", 422, "content-invalid", ""),
    "a text": (b'"marigolds"', 422, "content-invalid", ""),
    "no keys": (b"{}", 422, "content-invalid", "/contribution_id"),
    "no id": (changed(contribution_id=None), 422, "content-invalid", "/contribution_id"),
    "an id in upper case": (changed(contribution_id=str(UUID(int=2**127 + 10)).upper()), 422,
                            "content-invalid", "/contribution_id"),
    "an id in braces": (changed(plan_id=f"{{{PLAN}}}"), 422, "content-invalid", "/plan_id"),
    "an id with a new line": (changed(contribution_id=f"{PLAN}\n"), 422, "content-invalid",
                              "/contribution_id"),
    "an id without hyphens": (changed(entry_id=PLAN.hex), 422, "content-invalid", "/entry_id"),
    "an id that is a number": (changed(entry_id=1), 422, "content-invalid", "/entry_id"),
    "no plan": (changed(plan_id=None), 422, "content-invalid", "/plan_id"),
    "no command": (changed(command=None), 422, "content-invalid", "/command"),
    "a command that is a list": (changed(command=[AGREE]), 422, "content-invalid", "/command"),
    "another section's command": (changed(command="careplan.person.commands.open-plan.v1"), 422,
                                  "command-unknown", "/command"),
    "an event": (changed(command="careplan.goals.agreed.v1"), 422, "command-unknown", "/command"),
    "an unknown key": (changed(recorded_by={"kind": "system"}), 422, "content-invalid",
                       "/recorded_by"),
    "an unknown long key": (changed(**{"x" * 500: 1}), 422, "content-invalid", "/" + "x" * 64),
    "an unknown key in the content": (changed(content={**GOAL, "colour": 1}), 422,
                                      "content-invalid", "/content/colour"),
    "an unknown key in a value": (changed(content={**GOAL, "aim": {"text": "a", "lang": "en"}}),
                                  422, "content-invalid", "/content/aim/lang"),
    "an unknown key in a provenance": (changed(provenance={"recorded_by": None, "mood": 1}), 422,
                                       "content-invalid", "/provenance/mood"),
    "a content that is a list": (changed(content=[]), 422, "content-invalid", "/content"),
    "a content that is a text": (changed(content=WORDS), 422, "content-invalid", "/content"),
    "a provenance that is a text": (changed(provenance=WORDS), 422, "content-invalid",
                                    "/provenance"),
    "a field that is missing": (changed(content={"need_ids": [NEED]}), 422, "content-invalid",
                                "/content/aim"),
    "a bare text for a CodedText": (changed(content={**GOAL, "aim": WORDS}), 422,
                                    "content-invalid", "/content/aim"),
    "a number for a text": (changed(content={**GOAL, "why": 9}), 422, "content-invalid",
                            "/content/why"),
    "a score of 11": (changed(content={**GOAL, "importance": 11}), 422, "content-invalid",
                      "/content/importance"),
    "a score of 9.5": (changed(content={**GOAL, "importance": 9.5}), 422, "content-invalid",
                       "/content/importance"),
    "an unknown key that is null": (changed(content={**GOAL, "whyy": None}), 422,
                                    "content-invalid", "/content/whyy"),
    "an unknown key that is null in a value": (
        changed(content={**GOAL, "aim": {"text": WORDS, "language": None}}), 422,
        "content-invalid", "/content/aim/language"),
    "an unknown key that is null in a provenance": (changed(provenance={"mood": None}), 422,
                                                    "content-invalid", "/provenance/mood"),
    "a need in braces": (
        changed(content={**GOAL, "need_ids": [{**NEED, "entry_id": f"{{{NEED['entry_id']}}}"}]}),
        422, "content-invalid", "/content/need_ids/0/entry_id"),
    "201 needs": (changed(content={**GOAL, "need_ids": [NEED] * 201}), 422, "content-invalid",
                  "/content/need_ids"),
    "half a million needs": (in_content('{"need_ids": [' + "1," * 500_000 + "1]}"), 422,
                             "content-invalid", ""),
    "201 keys": (changed(content={f"k{n}": 1 for n in range(201)}), 422, "content-invalid", ""),
    "many texts with a NUL": (
        in_content('{"a":' * 20 + "[" + '"\\u0000",' * 110_000 + '""]' + "}" * 20), 422,
        "content-invalid", ""),
    "a system that cannot be seen": (changed(provenance={"system": {"name": "\u200b"}}), 422,
                                     "content-invalid", "/provenance/system/name"),
    "a score that is true": (changed(content={**GOAL, "importance": True}), 422,
                             "content-invalid", "/content/importance"),
    "a version below 1": (changed(based_on=0), 422, "content-invalid", "/based_on"),
    "a version that is true": (changed(based_on=True), 422, "content-invalid", "/based_on"),
    "a command that creates, and a version": (changed(based_on=1), 422, "content-invalid",
                                              "/based_on"),
    "a time without an offset": (changed(provenance={"stated_at": "2026-03-10T14:00:00"}), 422,
                                 "content-invalid", "/provenance/stated_at"),
    "a time that is a number": (changed(provenance={"stated_at": 1_770_000_000}), 422,
                                "content-invalid", "/provenance/stated_at"),
    "a time outside the calendar": (changed(provenance={"stated_at": "0001-01-01T00:00:00+05:00"}),
                                    422, "content-invalid", "/provenance/stated_at"),
    "a day that never was": (changed(provenance={"stated_at": "2026-02-30T14:00:00Z"}), 422,
                             "content-invalid", "/provenance/stated_at"),
    "a professional without a role": (changed(provenance={"stated_by": {"kind": "professional"}}),
                                      422, "content-invalid", "/provenance/stated_by/role"),
    "a relative without a relationship": (
        changed(provenance={"stated_by": {"kind": "related-person"}}), 422, "content-invalid",
        "/provenance/stated_by/relationship"),
    "a role that cannot be seen": (
        changed(provenance={"stated_by": {"kind": "professional", "role": "\u2060\u00ad"}}),
        422, "content-invalid", "/provenance/stated_by/role"),
    "a relationship that cannot be seen": (
        changed(provenance={"stated_by": {"kind": "related-person", "relationship": "\u3164"}}),
        422, "content-invalid", "/provenance/stated_by/relationship"),
    "an organisation in lower case": (
        changed(provenance={"stated_by": {"kind": "person", "organisation": {"ods": "zzg01"}}}),
        422, "content-invalid", "/provenance/stated_by/organisation/ods"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_cannot_be_read_is_a_precise_problem(goals: Goals, name: str) -> None:
    body, status, code, where = UNREADABLE[name]
    before = await goals.bench.rows()
    answer = await goals.post(body)
    problem(answer, status, code, *([where] if where else []))
    assert await goals.bench.rows() == before


async def test_a_body_is_json_in_utf_8_and_as_it_is(goals: Goals) -> None:
    body = changed()
    for headers in (
        {"Content-Type": "text/plain"},
        {"Content-Type": ""},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/cloudevents+json"},
        {"Content-Type": "application/json, text/plain"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "identity"},
        {"Content-Encoding": ""},
    ):
        problem(await goals.post(body, **headers), 415, "unsupported-media-type")
    for content_type in ("application/json; charset=UTF-8", "Application/JSON"):
        answer = await goals.post(changed(), **{"Content-Type": content_type})
        assert answer.status_code == 201


async def test_a_body_beyond_a_mebibyte_is_not_read_to_its_end(goals: Goals) -> None:
    too_long = changed(content={**GOAL, "why": "marigolds" * 600_000})
    assert len(too_long) > 5_000_000
    problem(await goals.post(too_long), 413, "body-too-large")

    async def in_chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(too_long), 65_536):
            yield too_long[start : start + 65_536]

    problem(await goals.post(in_chunks()), 413, "body-too-large")
    fits = changed().ljust(1_000_000)
    assert (await goals.post(fits)).status_code == 201
