"""Signed notes, checkpoints, proofs and policies: read strictly, and every change is found."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.tlog.checkpoint import Checkpoint
from shared.tlog.merkle import EMPTY
from shared.tlog.notes import (
    COSIGNATURE,
    Note,
    NoteUnusable,
    Signature,
    SignatureWrong,
    SigningKey,
    VerifierKey,
)
from shared.tlog.policy import Policy, PolicyUnusable
from shared.tlog.proof_file import ProofFile
from tests.unit.tlog.keys import key_of

PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
"""The example in the documentation of Go's package `note`."""

OF_THE_GO_PROJECT = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
KEY = key_of("log.example/a")
TRUST = key_of("trust.example", COSIGNATURE)
COUNCIL = key_of("council.example", COSIGNATURE)
TEXT = Checkpoint("log.example/a", 12, bytes(range(32))).text
NOTE = Note(TEXT, (KEY.sign(TEXT), TRUST.cosign(TEXT, 1_780_000_000)))


def test_note_when_it_is_the_published_one_then_it_is_read_and_its_signature_holds() -> None:
    key, note = VerifierKey.read(PUBLISHED_KEY), Note.read(PUBLISHED_NOTE.encode())
    assert str(key) == PUBLISHED_KEY
    assert str(note) == PUBLISHED_NOTE
    assert note.checked([key]) == {key: None}
    assert str(VerifierKey.read(OF_THE_GO_PROJECT)) == OF_THE_GO_PROJECT


def test_key_when_any_part_of_its_text_is_left_out_then_it_is_no_key() -> None:
    for start in range(len(PUBLISHED_KEY)):
        for end in range(start + 1, len(PUBLISHED_KEY) + 1):
            if end - start < len(PUBLISHED_KEY):
                with pytest.raises(NoteUnusable):
                    VerifierKey.read(PUBLISHED_KEY[:start] + PUBLISHED_KEY[end:])


def test_private_key_when_written_and_read_then_it_signs_the_same_and_never_shows_itself() -> None:
    made = SigningKey.made("log.example/b")
    assert SigningKey.read(made.text).verifier == made.verifier
    again = SigningKey.read(KEY.text)
    assert again.sign(TEXT) == KEY.sign(TEXT)
    assert again.verifier == KEY.verifier
    assert KEY.text.split("+")[-1].strip() not in repr(KEY)
    for wrong in ("", KEY.text[:-3], KEY.text.replace("a+", "b+", 1), str(KEY.verifier)):
        with pytest.raises(NoteUnusable):
            SigningKey.read(wrong)


def test_note_when_signed_by_a_log_and_a_witness_then_both_hold_and_others_are_passed_over() -> (
    None
):
    read = Note.read(str(NOTE).encode())
    assert read == NOTE
    known = [KEY.verifier, TRUST.verifier, COUNCIL.verifier]
    assert read.checked(known) == {KEY.verifier: None, TRUST.verifier: 1_780_000_000}
    assert read.checked([TRUST.verifier]) == {TRUST.verifier: 1_780_000_000}
    with pytest.raises(SignatureWrong, match="no key that is trusted"):
        read.checked([COUNCIL.verifier])
    # A note's text may hold empty lines: the last one ends it.
    odd = "one\n\ntwo\n"
    assert Note.read(str(Note(odd, (KEY.sign(odd),))).encode()).text == odd


def test_note_when_one_signature_of_a_known_key_is_wrong_then_the_whole_note_is_refused() -> None:
    forged = Signature(TRUST.name, TRUST.verifier.key_id, bytes(72))
    note = Note(TEXT, (KEY.sign(TEXT), forged))
    assert note.checked([KEY.verifier]) == {KEY.verifier: None}
    with pytest.raises(SignatureWrong, match=r"the signature of trust.example does not hold"):
        note.checked([KEY.verifier, TRUST.verifier])
    timeless = Note(TEXT, (TRUST.cosign(TEXT, 0),))
    with pytest.raises(SignatureWrong, match="has no time"):
        timeless.checked([TRUST.verifier])


def test_note_when_a_signature_comes_again_then_the_last_one_stays() -> None:
    later = TRUST.cosign(TEXT, 1_790_000_000)
    assert NOTE.signed_by([later]).signatures == (KEY.sign(TEXT), later)


@given(st.integers(0, len(str(NOTE).encode()) * 8 - 1))
def test_note_when_any_bit_is_turned_over_then_it_is_refused_or_says_that_nobody_signed(
    bit: int,
) -> None:
    written = bytearray(str(NOTE).encode())
    written[bit // 8] ^= 1 << bit % 8
    known = [KEY.verifier, TRUST.verifier]
    try:
        signed = Note.read(bytes(written)).checked(known)
    except (NoteUnusable, SignatureWrong):
        return
    # What is left is a line that names another key: one of the two is missing, and none is wrong.
    assert len(signed) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\nno signature\n",
        str(NOTE).encode()[:-1],
        str(NOTE).encode().replace(b"\n", b"\r\n"),
        b"\xff" + str(NOTE).encode(),
        str(NOTE).encode() + b"\n",
        str(NOTE).encode() + b"\x00\n",
        (TEXT + "\n" + "\u2014 a+b AAAAAAAA\n").encode(),
        (TEXT + "\n" + "\u2014 name AAAAA\n").encode(),
        (TEXT + "\n" + "\u2014 name AAAA\n").encode(),
        (TEXT + "\n" + "\u2014 name AAAAAAE=\n" * 101).encode(),
    ],
)
def test_note_when_it_is_not_written_as_one_then_it_is_refused(wrong: bytes) -> None:
    with pytest.raises(NoteUnusable):
        Note.read(wrong)


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_checkpoint_when_written_and_read_then_it_is_the_same(size: int, root: bytes) -> None:
    checkpoint = Checkpoint("log.example/a", size, root if size else EMPTY)
    assert Checkpoint.read(checkpoint.text) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "log.example/a\n12\n",
        TEXT + "an extension\n",
        TEXT[:-1],
        "\n" + TEXT,
        TEXT.replace("12", "012"),
        TEXT.replace("12", "-1"),
        TEXT.replace("12", "1" * 20),
        TEXT.replace("12", "9999999999999999999"),
        TEXT.replace("=", ""),
        TEXT.replace("12", "0"),
        "log.example/a\n12\nAAAA\n",
    ],
)
def test_checkpoint_when_it_is_not_written_as_one_then_it_is_refused(text: str) -> None:
    with pytest.raises(NoteUnusable):
        Checkpoint.read(text)


@given(st.integers(0, 11), st.lists(st.binary(min_size=32, max_size=32), max_size=63), st.binary())
def test_proof_file_when_written_and_read_then_it_is_the_same(
    index: int, hashes: list[bytes], extra: bytes
) -> None:
    proof = ProofFile(index, hashes, NOTE, extra)
    assert ProofFile.read(str(proof).encode()) == proof


def test_proof_file_when_it_is_not_written_as_one_then_it_is_refused() -> None:
    written = str(ProofFile(3, [bytes(32)], NOTE, b"extra"))
    for wrong in (
        written.replace("@v1", "@v2"),
        written.replace("index 3\n", ""),
        written.replace("index 3", "index 03"),
        written.replace("index 3", "place 3"),
        written.replace("A" * 43 + "=", "A" * 42 + "=="),
        written.replace("A" * 43 + "=", "AAAA"),
        written.replace("\n\n", "\n"),
        "\u00e9" + written,
        str(ProofFile(3, [bytes(32)] * 64, NOTE)),
    ):
        with pytest.raises(NoteUnusable):
            ProofFile.read(wrong.encode())


POLICY = f"""
# who signs
log {KEY.verifier} https://log.example
witness trust {TRUST.verifier} http://127.0.0.1:8140
witness\tcouncil  {COUNCIL.verifier}
group partners 2 trust council
quorum partners
"""


def test_policy_when_read_then_it_says_who_must_have_signed() -> None:
    policy = Policy.read(POLICY)
    assert policy.logs == [KEY.verifier]
    assert policy.witnesses["trust"].url == "http://127.0.0.1:8140"
    assert not policy.is_met([TRUST.verifier])
    assert policy.is_met([TRUST.verifier, COUNCIL.verifier])
    assert Policy.read(str(policy)).groups == policy.groups
    assert Policy.read(f"log {KEY.verifier}\nquorum none").is_met([])
    anybody = Policy.read(POLICY.replace("partners 2", "partners any"))
    assert anybody.is_met([COUNCIL.verifier])
    assert not anybody.is_met([])


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("quorum partners\n", "", "no line with the quorum"),
        ("quorum partners", "quorum partners\nquorum none", "line 8: there is one quorum"),
        ("quorum partners", "quorum strangers", "line 7: the quorum names"),
        ("partners 2", "partners 3", "line 6: a group asks"),
        ("partners 2", "partners 0", "line 6: a group asks"),
        ("partners 2", "partners 02", "line 6: a group asks"),
        ("2 trust council", "2 trust trust", "line 6: a witness or a group belongs"),
        ("2 trust council", "2 trust stranger", "line 6: a group names only"),
        ("witness trust", "witness none", "line 4: a name is used once"),
        ("group partners", "group trust", "line 6: a name is used once"),
        ("witness trust", "witness", "line 4: a verifier key"),
        ("# who", "who", "line 2: a line is about"),
        ("# who", "#\x01 who", "a control character"),
        (str(COUNCIL.verifier), str(TRUST.verifier), "line 5: a witness has a cosigning key"),
        (str(COUNCIL.verifier), str(KEY.verifier), "line 5: a witness has a cosigning key"),
        (str(KEY.verifier), str(TRUST.verifier), "line 3: a log has a signing key"),
    ],
)
def test_policy_when_a_line_is_wrong_then_it_is_refused_with_its_number(
    before: str, after: str, says: str
) -> None:
    with pytest.raises(PolicyUnusable, match=says):
        Policy.read(POLICY.replace(before, after, 1))


def test_key_when_its_id_is_that_of_another_type_then_it_is_refused() -> None:
    other = str(replace(KEY.verifier, kind=COSIGNATURE)).split("+")[1]
    with pytest.raises(NoteUnusable, match="the id of the key"):
        VerifierKey.read(str(KEY.verifier).replace(KEY.verifier.key_id.hex(), other))
