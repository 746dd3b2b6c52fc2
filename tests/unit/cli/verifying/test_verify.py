"""What is honest is found so, whatever is changed is found, and nothing is passed over as ok."""

import json
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit.record.commitment import GROUPS
from shared.cli import verify
from shared.cli.verify import Verdict
from shared.tlog.merkle import leaf_hash
from shared.tlog.notes import Note
from tests.unit.cli.verifying.honest import (
    BODY,
    COUNCIL,
    HONEST,
    KEPT,
    KEY,
    LARGEST,
    POLICY,
    STRANGER,
    TRUST,
    Log,
    b64,
    groups_of,
    kept,
)

Told = dict[str, Any]
EVERYDAY = 25
PARSED = verify.policy_in(str(POLICY))
CASES = 20 if settings().max_examples > EVERYDAY else 4
"""Of each example of a property: two thousand of them are the forty thousand of a long search."""


def word_of(check: Callable[[], object]) -> str:
    """The word that this check ends with, and its reason."""
    try:
        check()
    except Verdict as verdict:
        return f"{verdict.word}: {verdict.reason}"
    return "ok"


def judge_record(told: Told) -> str:
    def check() -> None:
        record = verify.record_in(json.dumps(told).encode())
        verify.check_quorum(verify._check_proof(record, PARSED), PARSED)

    return word_of(check)


def judge_consistency(old: str, new: str, told: Told) -> str:
    def check() -> None:
        first, second = (verify.checkpoint_in(one.encode(), PARSED) for one in (old, new))
        verify.check_consistency(first, second, [*map(b64decode, told["hashes"])])

    return word_of(check)


@given(st.randoms(use_true_random=False))
def test_honest_log_when_any_of_its_proofs_is_checked_then_it_is_never_accused(
    random: Random,
) -> None:
    for _ in range(CASES):
        size = random.randint(1, LARGEST)
        idx, first = random.randrange(size), random.randint(1, size)
        shows = random.sample(GROUPS, random.randint(0, len(GROUPS)))
        assert judge_record(HONEST.record(idx, size)) == "ok"
        assert judge_record(HONEST.record(idx, size, shows)) == "ok"
        old, new = HONEST.checkpoint(first), HONEST.checkpoint(size)
        assert judge_consistency(old, new, HONEST.consistency(first, size)) == "ok"


def any_leaf(told: Any, random: Random) -> tuple[Any, Any]:
    """Somewhere in JSON where a plain value stands: its holder, and its key or place."""
    places = []

    def walk(one: Any) -> None:
        for key, value in one.items() if isinstance(one, dict) else enumerate(one):
            if isinstance(value, dict | list):
                walk(value)
            else:
                places.append((one, key))

    walk(told)
    return random.choice(places)


def another(value: Any, random: Random) -> Any:
    """A value that differs a little."""
    if isinstance(value, bool) or value is None:
        return "something"
    if isinstance(value, int):
        return value + random.choice((-1, 1))
    place = random.randrange(len(value)) if value else 0
    other = random.choice([one for one in "ABab01" if one != value[place : place + 1]])
    return value[:place] + other + value[place + 1 :]


@given(st.randoms(use_true_random=False))
def test_record_when_any_one_value_is_changed_then_it_is_found(random: Random) -> None:
    for _ in range(CASES):
        size = random.randint(2, LARGEST)
        told = HONEST.record(random.randrange(size), size)
        holder, key = any_leaf(told, random)
        before = holder[key]
        if holder is told["proof"] and key == "checkpoint":
            continue  # its signatures are turned over in a test of their own
        holder[key] = another(before, random)
        word = judge_record(told)
        # A reason for withholding is nothing that the log knows; none is withheld here.
        assert word != "ok", (key, before, holder[key])


def changed_name(told: Told) -> None:
    told["groups"][3]["value"]["name_at_time"] = "Dr B. Other-Synth"
    told["record"]["actor"]["name"] = "Dr B. Other-Synth"


def changed_in_words_only(told: Told) -> None:
    told["record"]["purpose"] = "emergency"


def another_place(told: Told) -> None:
    told["idx"] = told["record"]["idx"] = told["idx"] - 1


def swapped_salts(told: Told) -> None:
    one, other = told["groups"][2], told["groups"][3]
    one["salt"], other["salt"] = other["salt"], one["salt"]


def exchanged_groups(told: Told) -> None:
    told["groups"][2], told["groups"][3] = told["groups"][3], told["groups"][2]


def dropped_group(told: Told) -> None:
    del told["groups"][11]


def cut_proof(told: Told) -> None:
    told["proof"]["hashes"].pop()


def longer_proof(told: Told) -> None:
    told["proof"]["hashes"].append(b64(bytes(32)))


def no_checkpoint(told: Told) -> None:
    told["proof"]["checkpoint"] = None


def no_proof(told: Told) -> None:
    del told["proof"]


def something_more(told: Told) -> None:
    told["note"] = "all is well"


def something_more_in_words(told: Told) -> None:
    told["record"]["verdict"] = "all is well"


def other_kind_in_the_leaf(told: Told) -> None:
    told["leaf"] = b64(b"\1\3" + b64decode(told["leaf"])[2:])


def other_time_in_the_leaf(told: Told) -> None:
    raw = b64decode(told["leaf"])
    told["leaf"] = b64(raw[:11] + bytes([raw[11] ^ 1]) + raw[12:])


def shown_though_withheld(told: Told) -> None:
    told["groups"][4] = {"name": "authn", "hash": b64(bytes(32)), "withheld": "role"}


TAMPERED: list[tuple[Callable[[Told], None], str]] = [
    (changed_name, "false: the groups of the record are not those that the log committed to"),
    (changed_in_words_only, "false: `purpose` is not what the log committed to"),
    (another_place, "false: the record is not in this log at this place"),
    (swapped_salts, "false: the groups of the record are not those"),
    (exchanged_groups, "malformed: the record does not have its twelve groups"),
    (dropped_group, "malformed: the record does not have its twelve groups"),
    (cut_proof, "false: the inclusion proof is too short"),
    (longer_proof, "false: the inclusion proof is too long"),
    (no_checkpoint, "incomplete: the record has no proof"),
    (no_proof, "incomplete: the record has no proof"),
    (something_more, "incomplete: nothing here checks the member note"),
    (something_more_in_words, "incomplete: nothing here checks the member `verdict`"),
    (other_kind_in_the_leaf, "false: the leaf says another kind"),
    (other_time_in_the_leaf, "false: the leaf says another time"),
    (shown_though_withheld, "false: the groups of the record are not those"),
]


@pytest.mark.parametrize(("tamper", "says"), TAMPERED, ids=lambda one: getattr(one, "__name__", ""))
def test_record_when_tampered_with_then_it_says_in_what_way(
    tamper: Callable[[Told], None], says: str
) -> None:
    told = HONEST.record(300, 500)
    tamper(told)
    assert judge_record(told).startswith(says)


def forged(idx: int) -> Log:
    """The same log, but for one record that was written anew afterwards."""
    leaves = [one.leaf for one in KEPT]
    leaves[idx] = kept(idx, {**groups_of(idx), "why": {"purpose": "emergency"}}).leaf
    return Log(leaves)


@given(st.randoms(use_true_random=False))
def test_rewritten_log_when_held_against_an_earlier_checkpoint_then_it_is_found(
    random: Random,
) -> None:
    for _ in range(3):
        first = random.randint(1, LARGEST - 1)
        second = random.randint(first + 1, LARGEST)
        other = forged(random.randrange(first))
        old, new = HONEST.checkpoint(first), other.checkpoint(second)
        for proof in (other.consistency(first, second), HONEST.consistency(first, second)):
            assert judge_consistency(old, new, proof) == (
                "false: the later log does not begin with the earlier one: the past was changed"
            )


def test_split_view_when_two_are_shown_one_size_then_it_is_found() -> None:
    old, new = HONEST.checkpoint(400), forged(17).checkpoint(400)
    assert judge_consistency(old, new, {"hashes": []}) == (
        "false: there are two logs of 400 records: somebody was shown another history"
    )


def test_truncated_log_when_held_against_an_earlier_checkpoint_then_it_is_found() -> None:
    old, new = HONEST.checkpoint(400), HONEST.checkpoint(399)
    assert judge_consistency(old, new, {"hashes": []}).startswith(
        "false: the log has become shorter: 400 were signed, and now 399"
    )


def judge_note(note: str) -> str:
    def check() -> None:
        verify.check_quorum(verify.checkpoint_in(note.encode(), PARSED), PARSED)

    return word_of(check)


def test_checkpoint_when_signed_by_others_or_by_too_few_then_it_says_so() -> None:
    assert judge_note(HONEST.checkpoint(9)) == "ok"
    leaves = HONEST.leaves
    assert judge_note(Log(leaves, STRANGER).checkpoint(9)).startswith("untrusted: no key that you")
    assert judge_note(Log(leaves, witnesses=(TRUST,)).checkpoint(9)) == (
        "incomplete: 1 witnesses signed this checkpoint, and the policy asks for more"
    )
    assert judge_note(Log(leaves, witnesses=()).checkpoint(9)).startswith("incomplete: 0 witness")
    note = Note.read(HONEST.checkpoint(9).encode())
    for one in note.signatures:
        others = [each for each in note.signatures if each != one]
        false = one._replace(signed=one.signed[:-1] + bytes([one.signed[-1] ^ 1]))
        assert judge_note(str(Note(note.text, (*others, false)))).startswith(
            f"untrusted: the signature of {one.name} does not hold"
        )


@given(st.integers(0, len(HONEST.checkpoint(9).encode()) * 8 - 1))
def test_checkpoint_when_any_bit_is_turned_over_then_it_is_not_ok(bit: int) -> None:
    raw = bytearray(HONEST.checkpoint(9).encode())
    raw[bit // 8] ^= 1 << bit % 8

    def check() -> None:
        verify.check_quorum(verify.checkpoint_in(bytes(raw), PARSED), PARSED)

    assert word_of(check) != "ok"


class Files:
    """What an auditor has on a disk, and the command that checks it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self.policy = self.write("policy", str(POLICY))

    def write(self, name: str, text: str | Told) -> str:
        path = self.folder / name
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return str(path)

    def run(self, *words: str) -> tuple[int, str]:
        trusts = any(word in ("--policy", "--key") for word in words)
        code = verify.main([*words, *(() if trusts else ("--policy", self.policy))])
        return code, self._capsys.readouterr().out.strip()


@pytest.fixture
def files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Files:
    return Files(tmp_path, capsys)


def test_command_when_everything_holds_then_it_prints_one_line_and_ends_with_zero(
    files: Files,
) -> None:
    old = files.write("old", HONEST.checkpoint(200))
    new = files.write("new", HONEST.checkpoint(500))
    record = files.write("record.json", HONEST.record(300, 500))
    some = files.write("some.json", HONEST.record(300, 500, GROUPS[:11]))
    proof = files.write("300.tlog-proof", HONEST.proof_file(300, 500))
    between = files.write("between.json", HONEST.consistency(200, 500))
    body = files.write("body.json", BODY.decode())
    root = b64(HONEST.root(500))
    for words, line in (
        (["checkpoint", new], f"ok checkpoint size=500 witnesses=2 root={root}"),
        (["record", record], "ok record idx=300 size=500 revealed=12/12 witnesses=2"),
        (["record", some], "ok record idx=300 size=500 revealed=11/12 witnesses=2"),
        (
            ["inclusion", proof, "--record", some],
            "ok inclusion idx=300 size=500 witnesses=2 revealed=11/12",
        ),
        (["consistency", old, new, between], "ok consistency from=200 to=500 witnesses=2"),
        (["view", record, body], f"ok view idx=300 size=500 bytes={len(BODY)}"),
        ([record], "ok record idx=300 size=500 revealed=12/12 witnesses=2"),
        ([new], f"ok checkpoint size=500 witnesses=2 root={root}"),
    ):
        assert files.run(*words) == (0, line)
    # Without witnesses in the policy it says how many were counted: none.
    unwitnessed = "ok record idx=300 size=500 revealed=12/12 witnesses=0"
    assert files.run("record", record, "--key", str(KEY.verifier)) == (0, unwitnessed)
    code, told = files.run("record", record, "--json")
    assert code == 0
    assert json.loads(told) == {
        "result": "ok",
        "exit": 0,
        "kind": "record",
        "facts": {"idx": 300, "size": 500, "revealed": "12/12", "witnesses": 2},
        "reason": None,
    }


def test_command_when_something_is_wrong_then_each_word_has_its_exit_code(files: Files) -> None:
    told = HONEST.record(300, 500)
    changed_name(told)
    false = files.write("false.json", told)
    stranger = files.write("stranger", Log(HONEST.leaves, STRANGER).checkpoint(9))
    broken = files.write("broken.json", "{")
    alone = files.write("alone", Log(HONEST.leaves, witnesses=(COUNCIL,)).checkpoint(9))
    proof = files.write("300.tlog-proof", HONEST.proof_file(300, 500))
    other = files.write("other.json", HONEST.record(301, 500))
    record = files.write("record.json", HONEST.record(300, 500))
    body = files.write("body.json", "another body")
    for words, code, begins in (
        (["record", false], 1, 'false record reason="the groups of the record'),
        (["view", record, body], 1, "false view"),
        (["inclusion", proof, "--record", other], 1, "false inclusion"),
        (["checkpoint", stranger], 2, "untrusted checkpoint"),
        (["record", broken], 3, "malformed record"),
        (["record", "nowhere.json"], 3, "malformed record"),
        (["checkpoint", alone], 4, "incomplete checkpoint size=9 witnesses=1"),
        (["inclusion", proof], 4, "incomplete inclusion"),
        (["bundle", record], 3, "malformed bundle"),
        (["person", record, "--complete"], 4, "incomplete person"),
        (["checkpoint", alone, "--fresh-within", "1"], 4, "incomplete checkpoint"),
    ):
        ended, line = files.run(*words)
        assert (ended, line[: len(begins)]) == (code, begins), line
        assert "\n" not in line


@pytest.mark.parametrize(
    "words",
    [[], ["nothing"], ["record"], ["record", "x"], ["record", "x", "--key", "k", "--policy", "p"]],
)
def test_command_when_it_cannot_be_used_then_it_ends_with_64(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        verify.main(words)
    assert ended.value.code == 64
    assert capsys.readouterr().err


def test_explain_when_asked_then_each_word_has_its_sentences(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert verify.main(["explain", "witness"]) == 0
    assert "another organisation" in capsys.readouterr().out
    assert verify.main(["explain"]) == 0
    assert verify.main(["explain", "magic"]) == 64


def test_fsck_when_the_folder_is_an_honest_log_then_it_is_ok(files: Files) -> None:
    for size in (1, 255, 256, 257, 513, LARGEST):
        folder = files.folder / f"log-{size}"
        HONEST.write(folder, size)
        code, line = files.run("fsck", str(folder))
        assert (code, line.split(" tiles")[0]) == (0, f"ok fsck size={size} witnesses=2")


def a_bit_of_a_tile(folder: Path) -> None:
    turned(folder / "tile/0/001")


def a_bit_of_a_leaf(folder: Path) -> None:
    turned(folder / "tile/entries/000")


def a_bit_of_an_upper_tile(folder: Path) -> None:
    turned(folder / "tile/1/000.p/2")


def turned(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[20] ^= 4
    path.write_bytes(raw)


def two_leaves_exchanged(folder: Path) -> None:
    path = folder / "tile/entries/001"
    raw = path.read_bytes()
    path.write_bytes(raw[46:92] + raw[:46] + raw[92:])


def the_tail_cut_off(folder: Path) -> None:
    path = folder / "tile/entries/002.p/88"
    path.write_bytes(path.read_bytes()[:-46])


def a_tile_missing(folder: Path) -> None:
    (folder / "tile/0/000").unlink()


def a_checkpoint_of_another_day(folder: Path) -> None:
    (folder / "checkpoint").write_text(HONEST.checkpoint(550))


def a_file_more(folder: Path) -> None:
    (folder / "tile/0/003").write_bytes(b"")


def a_rewritten_log(folder: Path) -> None:
    other = forged(5)
    (folder / "tile/entries/000").write_bytes(
        b"".join(b"\x00\x2c" + leaf for leaf in other.leaves[:256])
    )
    (folder / "tile/0/000").write_bytes(b"".join(map(leaf_hash, other.leaves[:256])))


@pytest.mark.parametrize(
    ("tamper", "word", "says"),
    [
        (a_bit_of_a_tile, "false", "tile/0/001 is not what its leaves give"),
        (a_bit_of_a_leaf, "false", "tile/0/000 is not what its leaves give"),
        (a_bit_of_an_upper_tile, "false", "tile/1/000.p/2 is not what its leaves give"),
        (two_leaves_exchanged, "false", "tile/entries/001 has a record that is older"),
        (the_tail_cut_off, "malformed", "tile/entries/002.p/88 does not hold 88 leaves"),
        (a_tile_missing, "malformed", "cannot be read"),
        (a_checkpoint_of_another_day, "malformed", "cannot be read"),
        (a_file_more, "incomplete", "nothing here checks tile/0/003"),
        (a_rewritten_log, "false", "tile/1/000.p/2 is not what its leaves give"),
    ],
)
def test_fsck_when_the_folder_was_tampered_with_then_it_says_where(
    files: Files, tamper: Callable[[Path], None], word: str, says: str
) -> None:
    folder = files.folder / "log"
    HONEST.write(folder, LARGEST)
    tamper(folder)
    code, line = files.run("fsck", str(folder))
    assert (code, line.split(" ")[0]) == (verify.EXIT[word], word), line
    assert says in line


def test_module_when_run_alone_then_it_needs_nothing_of_this_project(files: Files) -> None:
    module = Path(verify.__file__)
    source = module.read_text()
    for forbidden in ("import shared", "from shared", "socket", "urllib", "http", "write_"):
        assert forbidden not in source, forbidden
    alone = files.folder / "alone"
    alone.mkdir()
    (alone / "verify.py").write_text(source)
    record = files.write("record.json", HONEST.record(300, 500))
    words = [sys.executable, "-I", "verify.py", "record", record, "--policy", files.policy]
    ended = subprocess.run(  # noqa: S603 - our own module
        words, cwd=alone, capture_output=True, text=True, check=False
    )
    assert ended.stdout == "ok record idx=300 size=500 revealed=12/12 witnesses=2\n", ended.stderr
    assert ended.returncode == 0
