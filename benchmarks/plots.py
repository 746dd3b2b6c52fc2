"""Plots of a result as SVG: ``python -m benchmarks.plots RESULT.json FOLDER``.

Read-only pictures of figures that stand in the tables as well; no library draws them.
"""

import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import median
from typing import Any, Final

import orjson

_WIDTH, _LEFT, _BAR, _GAP = 760, 330, 18, 10
_MET, _MISSED, _PLAIN, _INK = "#2f7d5b", "#b5532d", "#5b7793", "#222"
_RATES: Final = {
    "append": ("pgbench-64", "append-64", "append-64-receipt", "append-256", "library-64"),
    "broker": ("producer-kafka", "producer-ready", "relay-tail"),
}


def draw(result: Mapping[str, Any], folder: Path) -> list[Path]:
    """How far each row is from its target, and the rates behind appends and relay."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, cluster in result["clusters"].items():
        pictures = {"targets": _targets(cluster["rows"])}
        for what, scenarios in _RATES.items():
            pictures[what] = _rates(cluster["rounds"], scenarios)
        for what, bars in pictures.items():
            if bars:
                path = folder / f"{what}-{name}.svg"
                path.write_text(_picture(f"{_TITLES[what]}, cluster {name}", bars, what))
                drawn.append(path)
    return drawn


_TITLES: Final = {
    "targets": "How much of its target each row reaches (1 is the target)",
    "append": "Appends a second",
    "broker": "Records to the broker a second",
}
Bar = tuple[str, float, str, str]


def _targets(rows: Sequence[Mapping[str, Any]]) -> list[Bar]:
    bars = []
    for row in rows:
        sign, _, number = row["target"].partition(" ")
        if row["median"] is None or not number:
            continue
        reached = row["median"] / float(number) if sign == ">=" else float(number) / row["median"]
        label = f"{row['row']}: {row['figure']}"
        told = f"{row['median']:.3g} ({row['target']})"
        bars.append((label, min(reached, 3.0), told, _MET if row["met"] else _MISSED))
    return bars


def _rates(rounds: Sequence[Mapping[str, Any]], scenarios: Sequence[str]) -> list[Bar]:
    bars = []
    for name in scenarios:
        rates = [samples[name]["rate"] for samples in rounds if name in samples]
        if rates:
            bars.append((name, median(rates), f"{median(rates):,.0f}", _PLAIN))
    return bars


def _picture(title: str, bars: Sequence[Bar], what: str) -> str:
    height = 48 + len(bars) * (_BAR + _GAP)
    scale = (_WIDTH - _LEFT - 150) / max(value for _, value, _, _ in bars)
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img"'
            f' font-family="sans-serif" font-size="12" fill="{_INK}">'
        ),
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="12" y="22" font-size="14">{escape(title)}</text>',
    ]
    for index, (label, value, told, colour) in enumerate(bars):
        y = 38 + index * (_BAR + _GAP)
        middle, width = y + _BAR - 5, max(1.0, value * scale)
        lines += [
            f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>',
            f'<text x="{_LEFT + width + 6:.1f}" y="{middle}">{escape(told)}</text>',
        ]
    if what == "targets":
        x = _LEFT + scale
        lines.append(
            f'<line x1="{x:.1f}" y1="32" x2="{x:.1f}" y2="{height - 12}" stroke="{_INK}"'
            ' stroke-dasharray="4 3"/>'
        )
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    for path in draw(orjson.loads(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2])):
        print(path)
