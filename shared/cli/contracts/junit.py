"""Results as JUnit XML, which every CI reads."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from shared.cli.output import fail


@dataclass(frozen=True)
class Result:
    """What was tried on what, and what was wrong with it; nothing where all was well."""

    group: str
    name: str
    wrong: tuple[str, ...] = ()
    skipped: str = ""


def write(file: Path, suite: str, results: Iterable[Result]) -> None:
    """Write one suite; ends the command with one line where the file cannot be written."""
    told = list(results)
    root = ET.Element("testsuites")
    counts: dict[str, str] = {
        "tests": str(len(told)),
        "failures": str(sum(bool(one.wrong) for one in told)),
        "skipped": str(sum(bool(one.skipped) for one in told)),
        "errors": "0",
    }
    group = ET.SubElement(root, "testsuite", {"name": suite, **counts})
    for one in told:
        case = ET.SubElement(group, "testcase", classname=_xml(one.group), name=_xml(one.name))
        if one.wrong:
            failure = ET.SubElement(case, "failure", message=_xml(one.wrong[0]))
            failure.text = _xml("\n".join(one.wrong))
        elif one.skipped:
            ET.SubElement(case, "skipped", message=_xml(one.skipped))
    ET.indent(root)
    try:
        file.write_bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
    except OSError as error:
        fail(f"{file} cannot be written ({error.strerror}).", 2)


def _xml(text: str) -> str:
    """What XML cannot hold, as a question mark."""
    return "".join(one if one.isprintable() or one == "\n" else "?" for one in text)
