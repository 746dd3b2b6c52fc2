"""Tokens of the development issuer: claims of each kind of contributor, signed to be checked."""

import json
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from typer.testing import CliRunner

from deploy.local.stack.issuer import ISS, Issuer
from shared.cli.main import app
from shared.cli.token import professional, seconds, subject, system

_PLAN = "0199c0de-0000-7000-8000-0000000000a1"


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    issuer = Issuer(tmp_path / "issuer")
    issuer.prepare()
    stack = {
        "kafka": {"bootstrap": "127.0.0.1:19092"},
        "postgres": {"url": "postgresql://127.0.0.1:15432/postgres"},
        "services": {},
        "issuer": {"iss": ISS, "private_key": str(issuer.private_key)},
        "organisations": [{"code": "ZZG01", "name": "Larkfield Surgery"}],
    }
    (tmp_path / "stack.json").write_text(json.dumps(stack))
    return issuer


def said(tmp_path: Path, *words: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, [*words, "--stack-dir", str(tmp_path)])
    assert answer.exception is None or isinstance(answer.exception, SystemExit)
    return answer.exit_code, answer.output.strip()


def told(tmp_path: Path, *words: str) -> tuple[int, str]:
    return said(tmp_path, "token", *words)


def test_a_professionals_token_verifies_against_the_public_keys(
    tmp_path: Path, issuer: Issuer
) -> None:
    words = ["--org", "zzg01", "--role", "gp", "--name", "Dr A. Quill-Synth", "--valid-for", "30m"]
    status, text = told(tmp_path, *words)
    assert status == 0
    keys = KeySet.import_key_set(json.loads(issuer.jwks.read_text()))
    claims = jwt.decode(text, keys, algorithms=["ES256"]).claims
    assert claims["iss"] == ISS
    assert claims["aud"] == "careplan"
    assert claims["exp"] - claims["iat"] == 1800
    assert claims["careplan"] == {
        "kind": "professional",
        "role": "gp",
        "organisation": {"ods": "ZZG01", "name": "Larkfield Surgery"},
    }
    assert "d" not in json.loads(issuer.jwks.read_text())["keys"][0]


def test_the_key_has_a_form_that_the_libraries_of_every_language_know(issuer: Issuer) -> None:
    """Kind: RFC 9864 renamed an algorithm, and a library that is older reads no key at all."""
    [key] = json.loads(issuer.jwks.read_text())["keys"]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    assert key["kid"]
    assert set(key) == {"kty", "crv", "x", "y", "alg", "use", "kid"}


def test_a_key_of_an_earlier_stack_goes_on_signing(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path / "earlier")
    issuer.folder.mkdir()
    key = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519"}, auto_kid=True)
    issuer.private_key.write_text(json.dumps(key.as_dict(private=True)))
    issuer.prepare()
    keys = KeySet.import_key_set(json.loads(issuer.jwks.read_text()))
    signed = issuer.signer.sign(system("ZZC01", "Development system"))
    assert jwt.decode(signed, keys, algorithms=["Ed25519"]).header["kid"] == key.kid


def test_the_private_key_is_for_its_owner_and_stays(issuer: Issuer) -> None:
    key = issuer.private_key.read_bytes()
    assert issuer.private_key.stat().st_mode & 0o777 == 0o600
    issuer.prepare()
    assert issuer.private_key.read_bytes() == key


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["--person", _PLAN, "--name", "Edith Marlow-Synth"], "person"),
        (["--related-person", _PLAN, "--name", "Ruth Marlow-Synth"], "related-person"),
        (["--system", "--org", "x-kestrel", "--role", "pds-connection"], "system"),
    ],
)
def test_the_other_kinds(tmp_path: Path, issuer: Issuer, words: list[str], kind: str) -> None:
    status, text = told(tmp_path, *words, "--json")
    assert status == 0
    assert issuer.private_key.exists()
    assert json.loads(text)["claims"]["careplan"]["kind"] == kind


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--org", "ZZG01", "--name", "Nobody-Synth"],
        ["--org", "ZZG01", "--role", "gp"],
        ["--org", "ZZG01", "--person", _PLAN],
        ["--person", "edith", "--name", "Edith Marlow-Synth"],
        ["--person", _PLAN, "--name", "Edith Marlow-Synth", "--valid-for", "soon"],
        ["--person", _PLAN, "--name", "Edith Marlow-Synth", "--valid-for", "0s"],
        ["--person", _PLAN, "--name", "Edith Marlow-Synth", "--valid-for", "9" * 400 + "d"],
        ["--person", _PLAN, "--name", "Edith Marlow-Synth", "--valid-for", "\u0661\u0662h"],
        ["--person", _PLAN, "--name", "E\udce9dith"],
        ["--person", _PLAN, "--name", "Edith\nMarlow-Synth"],
        ["--org", "not a code", "--role", "gp", "--name", "Nobody-Synth"],
        ["--org", "ZZG01", "--role", "General Practitioner", "--name", "Nobody-Synth"],
        ["--system", "--person", _PLAN, "--name", "Nobody-Synth"],
    ],
)
def test_what_makes_no_token_is_said_in_one_line(
    tmp_path: Path, issuer: Issuer, words: list[str]
) -> None:
    status, text = told(tmp_path, *words)
    assert status == 2
    assert issuer.private_key.exists()
    assert text.startswith("careplan: ")
    assert "\n" not in text


def test_a_key_that_is_gone_is_said_in_one_line(tmp_path: Path, issuer: Issuer) -> None:
    issuer.private_key.unlink()
    status, text = told(tmp_path, "--system", "--org", "ZZC01")
    assert (status, len(text.splitlines())) == (1, 1)
    assert "FileNotFoundError" in text


@pytest.mark.parametrize("spoilt", ["", "[]", "{", '{"kty": "EC"}', '{"kty": "oct", "k": "a"}'])
def test_a_key_that_is_spoilt_is_said_in_one_line_by_whatever_signs(
    tmp_path: Path, issuer: Issuer, spoilt: str
) -> None:
    issuer.private_key.write_text(spoilt)
    told_by = [
        told(tmp_path, "--system", "--org", "ZZC01"),
        said(tmp_path, "plan", "show", _PLAN),
        said(tmp_path, "dead-letters", "list"),
    ]
    for status, text in told_by:
        assert (status, len(text.splitlines())) == (1, 1)
        assert str(issuer.private_key) in text


def test_without_a_stack_it_says_how_to_start_one(tmp_path: Path) -> None:
    status, text = told(tmp_path, "--org", "ZZG01")
    assert status == 1
    assert "make run" in text


def test_a_subject_is_the_same_each_time_and_holds_no_name() -> None:
    first = professional("ZZG01", "gp", "Dr A. Quill-Synth")
    assert first["sub"] == professional("ZZG01", "gp", "Dr A. Quill-Synth")["sub"]
    assert first["sub"] != subject("professional", "ZZG01", "nurse", "Dr A. Quill-Synth")
    assert "Quill" not in first["sub"]


def test_an_organisation_without_ods_code_has_a_local_id() -> None:
    assert system("x-kestrel", "Rota")["careplan"]["organisation"] == {"local_id": "x-kestrel"}


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("30m", 1800), ("7d", 604800)])
def test_durations(text: str, expected: int) -> None:
    assert seconds(text) == expected
