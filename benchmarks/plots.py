"""Plots of a result as SVG: ``python -m benchmarks.plots RESULT.json FOLDER``.

Read-only pictures of figures that stand in the tables as well; no library draws them.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import orjson

_WIDTH, _LEFT, _BAR, _GAP = 760, 330, 18, 10
_MET, _MISSED, _PLAIN, _PALE, _INK = "#2f7d5b", "#b5532d", "#5b7793", "#a9bac8", "#222"
_RATES: Final = {
    "append": ("pgbench-64", "append-64", "append-64-receipt", "append-256", "library-64"),
    "http": ("http-constant", "http-command"),
    "broker": ("producer-kafka", "producer-ready", "relay-tail"),
    "projection": ("fold-memory", "fold-kafka", "fold-beside-long-plan"),
}
_LATENCIES: Final = (
    *("pgbench-1", "append-1", "append-64", "append-256", "http-command"),
    *("commit-trip-commit", "visible", "commit", "plan-read"),
)
_IN_TURN: Final = ("relay-lag", "visible")
_TITLES: Final = {
    "targets": "How much of its target each row reaches (1 is the target)",
    "append": "Appends a second",
    "http": "HTTP requests a second, 64 in flight",
    "broker": "Records to the broker a second",
    "projection": "Events folded a second",
    "latencies": "Latency: median, and in pale the 99th percentile",
    "lag": "What it took in turn, in milliseconds (the last round)",
}
_MOST_TIMES_THE_TARGET: Final = 3.0
_LARGE: Final = 1_000


class Bar(NamedTuple):
    """One bar: what is said beside it, and a paler one behind it that may be longer."""

    label: str
    value: float
    told: str
    colour: str = _PLAIN
    behind: float = 0.0


def draw(result: Mapping[str, Any], folder: Path) -> list[Path]:
    """A plot of the targets, of the rates of each path, of latencies and of lag in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, cluster in result["clusters"].items():
        for what, picture in _pictures(cluster, f"cluster {name}"):
            path = folder / f"{what}-{name}.svg"
            path.write_text(picture)
            drawn.append(path)
    return drawn


def _pictures(cluster: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
    rounds = cluster["rounds"]
    bars = {
        "targets": list(_targets(cluster["rows"])),
        **{what: list(_rates(rounds, names)) for what, names in _RATES.items()},
        "latencies": list(_latencies(rounds)),
    }
    for what, drawn in bars.items():
        if drawn:
            line_at = 1.0 if what == "targets" else None
            yield what, _of_bars(f"{_TITLES[what]}, {where}", drawn, line_at)
    series = {name: rounds[-1][name]["series_ms"] for name in _IN_TURN if name in rounds[-1]}
    if series:
        yield "lag", _of_lines(f"{_TITLES['lag']}, {where}", series)


def _targets(rows: Sequence[Mapping[str, Any]]) -> Iterator[Bar]:
    for row in rows:
        sign, _, number = row["target"].partition(" ")
        if row["median"] is None or not number:
            continue
        reached = row["median"] / float(number) if sign == ">=" else float(number) / row["median"]
        yield Bar(
            f"{row['row']}: {row['figure']}",
            min(reached, _MOST_TIMES_THE_TARGET),
            f"{_short(row['median'])} ({row['target']})",
            _MET if row["met"] else _MISSED,
        )


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= _LARGE else f"{figure:.3g}"


def _rates(rounds: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterator[Bar]:
    for name in names:
        rates = [samples[name]["rate"] for samples in rounds if name in samples]
        if rates:
            yield Bar(name, median(rates), f"{median(rates):,.0f}")


def _latencies(rounds: Sequence[Mapping[str, Any]]) -> Iterator[Bar]:
    for name in _LATENCIES:
        found = [samples[name] for samples in rounds if name in samples]
        known = [(one["p50_ms"], one["p99_ms"]) for one in found if one["p99_ms"] is not None]
        if known:
            p50, p99 = (median(values) for values in zip(*known, strict=True))
            yield Bar(name, p50, f"{p50:.3g} / {p99:.3g} ms", behind=p99)


def _of_bars(title: str, bars: Sequence[Bar], line_at: float | None) -> str:
    height = 48 + len(bars) * (_BAR + _GAP)
    scale = (_WIDTH - _LEFT - 150) / max(max(bar.value, bar.behind) for bar in bars)
    lines = []
    for index, bar in enumerate(bars):
        y = 38 + index * (_BAR + _GAP)
        middle = y + _BAR - 5
        lines.append(
            f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end">{escape(bar.label)}</text>'
        )
        for value, colour in ((bar.behind, _PALE), (bar.value, bar.colour)):
            if value:
                width = max(1.0, value * scale)
                lines.append(
                    f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}"'
                    f' fill="{colour}"/>'
                )
        end = _LEFT + max(bar.value, bar.behind) * scale + 6
        lines.append(f'<text x="{end:.1f}" y="{middle}">{escape(bar.told)}</text>')
    if line_at is not None:
        x = _LEFT + line_at * scale
        lines.append(
            f'<line x1="{x:.1f}" y1="32" x2="{x:.1f}" y2="{height - 12}" stroke="{_INK}"'
            ' stroke-dasharray="4 3"/>'
        )
    return _svg(title, height, lines)


def _of_lines(title: str, series: Mapping[str, Sequence[float]]) -> str:
    """One strip for each series, on a scale of its own."""
    strip, left, lines = 130, 110, []
    for index, (name, values) in enumerate(series.items()):
        top = 44 + index * strip
        foot, most = top + strip - 40, max(values)
        across = (_WIDTH - left - 20) / max(1, len(values) - 1)
        points = " ".join(
            f"{left + at * across:.1f},{foot - value / most * (strip - 50):.1f}"
            for at, value in enumerate(values)
        )
        lines += [
            f'<text x="{left - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>',
            f'<text x="{left - 8}" y="{top + 30}" text-anchor="end">up to {most:.3g} ms</text>',
            f'<line x1="{left}" y1="{foot}" x2="{_WIDTH - 20}" y2="{foot}" stroke="{_PALE}"/>',
            f'<polyline points="{points}" fill="none" stroke="{_PLAIN}"/>',
        ]
    return _svg(title, 44 + len(series) * strip, lines)


def _svg(title: str, height: int, lines: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img"'
        f' font-family="sans-serif" font-size="12" fill="{_INK}">'
    )
    return "\n".join(
        [
            head,
            f"<title>{escape(title)}</title>",
            '<rect width="100%" height="100%" fill="#fff"/>',
            f'<text x="12" y="22" font-size="14">{escape(title)}</text>',
            *lines,
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    for path in draw(orjson.loads(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2])):
        print(path)
