"""The shape of the tree: where a thing stands says what it is, and dangerous things have a home."""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from shared.chassis.wire.problem import STATUS
from shared.contracts import discover
from shared.contracts.topic_files import topics
from shared.ledger import Change, Section
from shared.ledger.topics import EVENTS_PATTERN

ROOT = Path(__file__).resolve().parents[2]
OF_A_SECTION = {
    "__init__.py", "domain.py", "domain", "section.py", "examples.py", "api.py", "README.md",
}  # fmt: skip
OF_A_READER = {
    "intake": {
        "": {
            "app.py", "settings.py", "inboxes.py", "messages.py", "judging.py", "answers.py",
            "store.py", "signatures.py", "organisations.py", "README.md",
        },
    },
    "plan": {
        "": {"app.py", "rebuild.py", "README.md"},
        "fold": {
            "domain.py", "authorship.py", "effective.py", "standard.py", "findings",
            "figures.py",
        },
        "fold/findings": {
            "all_rules.py", "facts.py", "rules.py", "links.py", "goals.py", "people.py",
            "reviews.py", "conflicts.py", "codes.py",
        },
        "store": {
            "batch.py", "cache.py", "ledger.py", "projection.py", "document.py", "parked.py",
            "history_item.py", "reading.py", "redacted.py", "answered.py", "values.py",
            "made_again.py", "people",
        },
        "reads": {
            "current.py", "as_at.py", "history.py", "diff.py", "authorship.py", "redaction.py",
            "view.py", "turns.py", "facts.py", "findings.py", "derived.py", "emergency.py", "past",
            "entries.py",
            "differences", "counts", "worklists",
        },
        "reads/worklists": {"reviews.py"},
        "reads/counts": {"contributions.py"},
        "reads/past": {"clocks.py", "then.py", "late.py", "parked.py", "without.py"},
        "reads/differences": {
            "between.py", "fields.py", "words.py", "patch.py", "last_look.py",
        },
        "doors": {
            "events.py", "api.py", "answers.py", "findings.py", "feed.py", "fhir.py", "release.py",
            "which.py", "readers.py", "emergency.py", "differences.py", "entries.py",
            "remembered.py", "waiting.py", "following", "counts", "people",
            "worklists",
        },
        "doors/worklists": {"reviews.py"},
        "doors/following": {"contributions.py"},
        "doors/counts": {"contributions.py"},
        "doors/people": {"search.py"},
        "store/people": {"identifiers.py"},
    },
    "audit": {
        "": {"app.py", "README.md"},
        "record": {
            "model.py", "groups.py", "checks.py", "reading.py", "commitment.py", "alerts.py",
        },
        "log": {
            "rehash.py", "tree.py", "signer.py", "sealing.py", "sealer.py", "witnesses.py",
            "fsck.py",
        },
        "store": {
            "records.py", "positions.py", "log.py", "organisations.py", "overrides.py",
            "breadth.py", "few.py",
        },
        "queries": {
            "records.py", "evidence.py", "own.py", "overrides.py", "contributions.py",
            "bundle.py", "search",
            "questions",
        },
        "queries/search": {"language.py", "qualifiers.py", "finding.py", "moments.py"},
        "queries/questions": {"question.py", "catalogue.py", "reading.py", "finding.py"},
        "doors": {
            "events.py", "api.py", "answers.py", "evidence.py", "log.py", "accesses.py",
            "asking.py", "overrides.py", "escalations.py",
            "contributions.py", "searching",
        },
        "doors/searching": {
            "search.py", "formats.py", "questions.py", "putting.py", "answers.py",
        },
    },
    "viewer": {
        "": {
            "app.py", "settings.py", "clients.py", "sessions.py", "people.py", "texts.py",
            "templates", "static",
        },
        "shown": {
            "words.py", "times.py", "who.py", "values.py", "entries.py", "parts.py", "plan.py",
            "emergency.py", "contributions.py", "accesses.py", "past",
            "reviews.py",
        },
        "shown/past": {"versions.py", "history.py", "differences.py", "lanes.py"},
        "pages": {
            "screens.py", "start.py", "plan.py", "past", "contributing.py",
            "about_me.py", "comment.py", "accesses.py", "emergency.py", "worklists", "files.py",
        },
        "pages/past": {"versions.py", "history.py", "compare.py", "days.py", "over_time.py"},
        "pages/worklists": {"reviews.py", "people.py"},
    },
}  # fmt: skip
"""The permitted files of each package of a reader; beside them `__init__.py` and `migrations/`."""

OF_THE_CHASSIS = {
    "": {"run.py", "section_app.py", "service_app.py", "settings.py"},
    "http": {
        "accesses", "contributions.py", "identity.py", "tokens", "answers.py", "body.py",
        "health.py",
        "parameters.py", "overload.py",
        "plain_requests.py", "spans.py", "media.py", "documents.py",
        "server.py",
    },
    "http/accesses": {"justify.py", "reasons.py"},
    "http/tokens": {"claims.py", "key_set.py", "sender.py", "signed.py"},
    "kafka": {
        "consumer.py", "running.py", "offsets.py", "dead_letters.py", "commands.py",
        "local_copy.py", "relay.py", "streams.py", "windows.py", "event_message.py", "client.py",
        "faststream_adapter.py",
    },
    "letters": {"held.py", "masking.py", "retry.py", "tending.py", "door.py"},
    "contribute": {
        "prepare.py", "contribute.py", "decisions.py", "validate.py", "receipts.py", "media.py",
        "rights.py", "showing.py",
    },
    "accesses": {"record.py", "rows.py", "recording.py", "overrides.py", "claims.py"},
    "policy": {
        "access.py", "access_copy.py", "asking_again.py", "decide.py", "facts.py",
        "plan_states.py", "redaction", "relationships.py", "rights.py", "rules.py", "sees.py",
        "standing.py", "known.py",
    },
    "policy/redaction": {"marks.py", "of_a_plan.py", "contents.py"},
    "media": {
        "kinds", "keeping.py", "rows.py", "spool.py", "ranges.py", "scanner.py", "blob_store.py",
        "disk.py", "s3.py", "faults.py", "described.py",
    },
    "media/kinds": {
        "kind.py", "walking.py", "pictures.py", "sounds.py", "films.py", "documents.py",
    },
    "store": {
        "event_store.py", "group_commit.py", "rows.py", "mapper.py", "recorder.py",
        "library_module.py",
    },
    "database": {
        "database.py", "migrate.py", "outgoing.py", "letters.py", "together.py",
        "dead_letter_counts.py",
    },
    "wire": {
        "problem.py", "strict_json.py", "shapes.py", "exact.py", "validation_errors.py",
        "plain_json.py", "position.py", "remembered.py", "command_record.py", "build.py",
        "described.py",
    },
    "telemetry": {
        "names.py", "tracing.py", "metrics.py", "counters.py", "log_lines.py", "library_lines.py",
        "line_writer.py", "passed_on.py", "span_export.py", "part.py", "background.py",
        "configure.py",
    },
}  # fmt: skip
"""The permitted files of each package of the chassis, beside `__init__.py` and `migrations/`."""

LARGEST_FOLDER = 12
"""Python files in a folder, `__init__.py` aside; more than these need packages."""

# Plan states and relationships are copies of what two services publish (promise P8); what the
# events of the one say of a plan stands with the published event, for all who read it. A link says
# which section it leads into, which is the standard's to name.
MAY_NAME_A_SERVICE = {"relationships.py", "plan_states.py", "recorded_event.py", "links.py"}
SECTIONS = discover.sections()


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != "__pycache__"}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_a_section_has_only_the_permitted_files(section: Section) -> None:
    folder = ROOT / "services" / section.name
    unknown = names_in(folder) - OF_A_SECTION
    assert not unknown, f"services/{section.name}: {sorted(unknown)}: the chassis does the rest"
    missing = {"__init__.py", "section.py", "examples.py", "README.md"} - names_in(folder)
    assert not missing, f"services/{section.name} lacks {sorted(missing)}"


@pytest.mark.parametrize(
    ("folder", "permitted"),
    [
        ("shared/chassis", OF_THE_CHASSIS),
        *((f"services/{reader}", OF_A_READER[reader]) for reader in discover.readers()),
    ],
)
def test_a_package_has_only_the_permitted_files(
    folder: str, permitted: dict[str, set[str]]
) -> None:
    always = {"__init__.py", "migrations"}
    for package, names in permitted.items():
        here = ROOT / folder / package
        if not here.is_dir():
            continue
        below = set(permitted) - {""} if not package else set()
        unknown = names_in(here) - names - always - below
        assert not unknown, f"{here.relative_to(ROOT)}: {sorted(unknown)} belong somewhere else"


def test_no_folder_has_too_many_modules() -> None:
    folders: dict[Path, int] = {}
    for top in ("services", "deploy", "shared", "benchmarks", "tests"):
        for path in (ROOT / top).rglob("*.py"):
            if path.name != "__init__.py":
                folders[path.parent] = folders.get(path.parent, 0) + 1
    full = [
        f"{folder.relative_to(ROOT)} has {number}"
        for folder, number in sorted(folders.items())
        if number > LARGEST_FOLDER
    ]
    assert not full, f"at most {LARGEST_FOLDER} modules in a folder: {', '.join(full)}"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_every_event_is_frozen_named_and_changes_something(section: Section) -> None:
    for type_, event in section.events.items():
        assert event.__dataclass_params__.frozen, f"{type_} can be written to"  # type: ignore[attr-defined]
        assert isinstance(event.change, Change), f"{type_} says not what it does to the plan"
        assert type_ == event.TOPIC, f"{type_} would be stored under a Python path"  # type: ignore[attr-defined]
        assert not event.__name__.endswith("Event"), f"{type_}: an event is named by what happened"
    for entry in section.entries:
        assert ":" not in entry.TOPIC, f"{entry.__name__} would be stored under a Python path"  # type: ignore[attr-defined]


def test_nothing_in_the_ledger_or_the_chassis_names_a_service() -> None:
    services = {service.name for service in SECTIONS} | set(discover.readers())
    spelt = services | {name.replace("_", "-") for name in services}
    # A person is a kind of contributor, and the readers' own topics are the ledger's: of these
    # names only what is plainly the service counts.
    anywhere = "|".join(sorted(spelt - {"person", "plan", "audit"}))
    named = re.compile(
        rf"""["']({anywhere})["']|["']careplan\.({anywhere}|person)\.|_topic\(["']({anywhere}|person)"""
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for folder in ("shared/ledger", "shared/chassis")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path.name not in MAY_NAME_A_SERVICE
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if named.search(line)
    ]
    assert not found, f"only {sorted(MAY_NAME_A_SERVICE)} may:\n" + "\n".join(found)


def test_topics_of_events_and_no_others_match_the_pattern() -> None:
    declared = topics(section.name for section in SECTIONS)
    matched = {topic.name for topic in declared if re.fullmatch(EVENTS_PATTERN, topic.name)}
    assert matched == {f"careplan.{section.wire_name}.events.v1" for section in SECTIONS}


@dataclass(frozen=True)
class Home:
    """A name, the only files that may use it, and why."""

    name: str
    files: tuple[str, ...]
    why: str


HOMES = (
    Home(
        "os.environ",
        ("shared/chassis/settings.py", "shared/testing/", "deploy/local/", "tests/", "benchmarks/"),
        "what a service is told stands in one class",
    ),
    Home("os.getenv", (), "what a service is told stands in one class"),
    Home(
        "KafkaBroker",
        ("shared/chassis/kafka/faststream_adapter.py", "tests/", "benchmarks/"),
        "a subscriber built elsewhere acknowledges first and begins at the end",
    ),
    Home(
        "AIOKafkaProducer",
        ("shared/chassis/kafka/windows.py", "shared/chassis/kafka/client.py",
         "shared/chassis/kafka/relay.py", "shared/testing/",
         "shared/cli/",
         "deploy/", "tests/", "benchmarks/"),
        "what a service publishes was committed first",
    ),
    Home("datetime.now()", (), "a clock is read with a zone"),
    Home("print", ("shared/cli/", "deploy/", "tests/", "benchmarks/"), "services log events"),
)  # fmt: skip


@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
def test_a_dangerous_thing_has_one_home(home: Home) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in python_files()
        if not str(path.relative_to(ROOT)).startswith(home.files or ("-",))
        for name, line in names_used_in(path)
        if name == home.name
    ]
    assert not found, f"{home.name} outside its home ({home.why}): {', '.join(found)}"


def test_the_check_of_homes_catches_what_is_planted() -> None:
    planted = "import os\nfrom os import environ as e\nx = os.environ['A']\nprint(x)\n"
    assert sorted(name for name, _ in names_used(planted)) == ["os.environ", "os.environ", "print"]
    planted = "datetime.now(UTC)\nx = [datetime.now()]\ny = datetime.datetime.now()\n"
    assert sorted(names_used(planted)) == [("datetime.now()", 2), ("datetime.now()", 3)]


def test_no_file_names_a_machine_or_a_registry() -> None:
    # Written in pieces, so that this file does not find itself.
    registries = ("pypi" + ".org", "files.python" + "hosted.org", "registry.npm" + "js.org",
                  "repo1.ma" + "ven.org", "repo.ma" + "ven.apache.org")  # fmt: skip
    a_home = re.compile(r"(?<![\w.:/])/(?:ho" + r"me|Us" + r"ers|ro" + r"ot|wo" + r"rk)/[\w.-]+")
    found = []
    for path in tracked_files():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        if not any(host in text for host in registries) and not a_home.search(text):
            continue  # most have none anywhere
        for number, line in enumerate(text.splitlines(), 1):
            if any(host in line for host in registries) or a_home.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not found, "\n".join(found)


@cache
def python_files() -> tuple[Path, ...]:
    folders = ("services", "shared", "deploy", "tests", "benchmarks")
    return tuple(path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))


def tracked_files() -> Iterator[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a working copy")
    for name in sorted(set(listed.stdout.decode().split("\0")) - {""}):
        if (ROOT / name).is_file():
            yield ROOT / name


# Where none of these words stands, there is nothing to find.
WORDS = re.compile(
    "|".join(rf"\b{re.split('[.(]', home.name.strip('()'))[-1]}\b" for home in HOMES)
)


REFUSING = re.compile(r"\b(Problem|Refused|Refusal)\(")


@cache
def names_used_in(path: Path) -> tuple[tuple[str, int], ...]:
    source = path.read_text("utf-8")
    return tuple(names_used(source)) if WORDS.search(source) else ()


def names_used(source: str) -> Iterator[tuple[str, int]]:
    """Calls, attributes of modules and imports, by the name that a reader would say."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                is_of_os = node.module == "os"
                yield (f"os.{alias.name}" if is_of_os else alias.name), node.lineno
        elif isinstance(node, ast.Attribute) and (name := dotted(node)).startswith("os."):
            yield name, node.lineno
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            if name == "print":
                yield name, node.lineno
            elif name.endswith("datetime.now") and not (node.args or node.keywords):
                yield "datetime.now()", node.lineno


def dotted(node: ast.expr) -> str:
    """A name and its attributes as written; empty for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def codes_given_to(name: str, folder: str) -> Iterator[tuple[str, str]]:
    """Each code that stands literally in a call of this name, and where."""
    for path in python_files():
        where = str(path.relative_to(ROOT))
        if where.startswith(folder):
            yield from ((code, where) for called, code in codes_in(path) if called == name)


@cache
def codes_in(path: Path) -> tuple[tuple[str, str], ...]:
    """Each constant that is the first argument of a call that could refuse, with what is called."""
    source = path.read_text("utf-8")
    nodes = ast.walk(ast.parse(source)) if REFUSING.search(source) else ()
    return tuple(
        (dotted(node.func), str(node.args[0].value))
        for node in nodes
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
    )


def test_a_problem_has_a_code_that_is_listed() -> None:
    found = [
        pair for folder in ("shared", "services") for pair in codes_given_to("Problem", folder)
    ]
    assert found
    mistyped = [pair for pair in found if pair[0] not in STATUS]
    assert not mistyped, f"no status is listed for {mistyped}"


def test_a_refusal_has_a_code_that_is_listed_or_has_an_example() -> None:
    mistyped = [pair for pair in codes_given_to("Refused", "shared") if pair[0] not in STATUS]
    bare: list[tuple[str, str]] = []
    for section in SECTIONS:
        folder = f"services/{section.name}/"
        examples = import_module(f"services.{section.name}.examples").EXAMPLES
        shown = {example.refused for example in examples} | STATUS.keys()
        mistyped += [pair for pair in codes_given_to("Refusal", folder) if pair[0] not in shown]
        bare += codes_given_to("Refused", folder)
    assert not mistyped, f"neither listed nor shown by an example: {mistyped}"
    assert not bare, f"a section raises a `Refusal` that it declares, and no code: {bare}"
