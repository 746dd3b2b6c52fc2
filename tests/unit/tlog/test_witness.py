"""A witness answers in the order of the specification, and signs only what has grown."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from shared.tlog.checkpoint import Checkpoint
from shared.tlog.merkle import EMPTY
from shared.tlog.notes import COSIGNATURE, Note, SigningKey, signatures_in
from shared.tlog.witness import SIZE_TYPE, Witness
from tests.unit.tlog import naive
from tests.unit.tlog.keys import key_of

LOG, STRANGER = key_of("log.example/a"), key_of("log.example/b")
OURS = key_of("trust.example", COSIGNATURE)
LEAVES = [b"leaf %d" % number for number in range(20)]
FORKED = [*LEAVES[:3], b"another", *LEAVES[4:]]


def signed(size: int, leaves: Sequence[bytes] = LEAVES, key: SigningKey = LOG) -> Note:
    text = Checkpoint(LOG.name, size, naive.root(leaves[:size])).text
    return Note(text, (key.sign(text),))


def asked(old: int, note: Note, proof: Sequence[bytes] = ()) -> bytes:
    lines = [f"old {old}", *(b64encode(one).decode() for one in proof)]
    return ("\n".join(lines) + f"\n\n{note}").encode()


def grown(old: int, new: int, leaves: Sequence[bytes] = LEAVES) -> bytes:
    return asked(old, signed(new, leaves), naive.proof(old, leaves[:new]) if old else ())


@pytest.fixture
def witness() -> Iterator[Witness]:
    with Witness(OURS, [LOG.verifier], Path(":memory:"), clock=lambda: 1_780_000_000.9) as made:
        yield made


def status(witness: Witness, body: bytes) -> int:
    return witness.add_checkpoint(body).status


def test_witness_when_the_log_grows_then_it_signs_each_checkpoint_and_shows_the_last(
    witness: Witness,
) -> None:
    name = sha256(LOG.name.encode()).hexdigest()
    assert witness.checkpoint(name).status == 404
    for old, new in ((0, 3), (3, 3), (3, 4), (4, 19)):
        answer = witness.add_checkpoint(grown(old, new))
        assert answer.status == 200, answer.text
        [line] = signatures_in(answer.text)
        note = signed(new)
        assert OURS.verifier.check(note.text, line) == 1_780_000_000
        shown = Note.read(witness.checkpoint(name).text.encode())
        assert shown == note.signed_by([line])
    assert witness.checkpoint("0" * 64).status == 404


def test_witness_when_something_is_wrong_then_the_status_says_what(witness: Witness) -> None:
    assert status(witness, grown(0, 5)) == 200
    text = Checkpoint("log.example/b", 6, naive.root(LEAVES[:6])).text
    assert status(witness, asked(5, Note(text, (STRANGER.sign(text),)))) == 404
    assert status(witness, asked(5, signed(6, key=STRANGER))) == 403
    false = LOG.sign(signed(6).text)._replace(signed=bytes(64))
    assert status(witness, asked(5, Note(signed(6).text, (false,)))) == 403
    assert status(witness, asked(7, signed(6))) == 400
    stale = witness.add_checkpoint(grown(3, 6))
    assert (stale.status, stale.text, stale.media_type) == (409, "5\n", SIZE_TYPE)
    assert status(witness, asked(0, signed(6))) == 409
    assert status(witness, asked(5, signed(6))) == 422
    assert status(witness, grown(5, 9, FORKED)) == 422
    assert status(witness, asked(5, signed(5, FORKED))) == 422
    assert status(witness, asked(5, signed(5), [bytes(32)])) == 422
    # Nothing of that was kept.
    assert status(witness, grown(5, 6)) == 200


def test_witness_when_it_knows_nothing_of_a_log_then_a_proof_is_refused(witness: Witness) -> None:
    assert status(witness, asked(0, signed(5), [bytes(32)])) == 422
    empty = Checkpoint(LOG.name, 0, EMPTY).text
    assert status(witness, asked(0, Note(empty, (LOG.sign(empty),)))) == 200
    assert status(witness, grown(0, 5)) == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"new 0\n\n" + str(signed(5)).encode(),
        b"old 00\n\n" + str(signed(5)).encode(),
        b"old 0\nAAAA\n\n" + str(signed(5)).encode(),
        b"old \xff\n\n" + str(signed(5)).encode(),
        b"old 0\n\nno note",
        asked(0, signed(5), [bytes(32)] * 64),
        b"old 0\n\n" + b"x" * 200_000,
    ],
)
def test_witness_when_the_request_is_not_written_as_one_then_it_is_400(
    witness: Witness, body: bytes
) -> None:
    assert status(witness, body) == 400


def test_witness_when_begun_again_then_it_remembers_what_it_signed(tmp_path: Path) -> None:
    file = tmp_path / "state"
    with Witness(OURS, [LOG.verifier], file) as first:
        assert status(first, grown(0, 5)) == 200
    with Witness(OURS, [LOG.verifier], file) as again, Witness(OURS, [LOG.verifier], file) as other:
        assert status(again, grown(0, 6)) == 409
        assert status(other, grown(5, 9)) == 200
        # Two of them share what they signed: the older step is not taken back.
        assert status(again, grown(5, 6)) == 409
