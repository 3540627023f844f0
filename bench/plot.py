"""The pictures of the reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

STOCK, OURS, EDGE = "#9aa3ab", "#0f6b63", "#30363b"


def comparison(report: Mapping[str, Any], path: Path) -> None:
    """Draw what `python -m bench` measured: one bar a figure, and the wait along a long conversation."""
    pyplot = _pyplot()
    rows = [row for row in report["figures"] if row["stock"] and row["ours"] and row["target"]]
    figure, (bars, lines) = pyplot.subplots(1, 2, figsize=(13, 5), gridspec_kw={"width_ratios": [3, 2]})
    places = range(len(rows))
    bars.barh([p + 0.2 for p in places], [100] * len(rows), 0.38, color=STOCK, label="stock Rasa = 100")
    shares = [100 * row["ours"] / row["stock"] for row in rows]
    bars.barh([p - 0.2 for p in places], shares, 0.38, color=OURS, label="this assistant")
    for place, row, share in zip(places, rows, shares):
        bars.text(share * 1.05, place - 0.2, f"{row['ours']:g} against {row['stock']:g} {row['unit']}", va="center", fontsize=8)
    bars.set_xscale("log")
    bars.set_xlim(left=min([1.0, *shares]) * 0.8, right=max([100.0, *shares]) * 12)
    bars.set_yticks(list(places), [row["name"] for row in rows], fontsize=9)
    bars.invert_yaxis()
    bars.legend(fontsize=8, loc="lower right")
    bars.set_title("Per cent of stock Rasa (logarithmic)", fontsize=10)
    for name, colour in (("stock", STOCK), ("ours", OURS)):
        waits = (report["sides"].get(name) or {}).get("turn_waits_ms")
        if waits:
            lines.plot(
                range(1, len(waits) + 1), _smooth(waits), color=colour, label="stock Rasa" if name == "stock" else "this assistant"
            )
    lines.set_yscale("log")
    lines.set_xlabel("turn of the conversation")
    lines.set_ylabel("wait for the reply, ms")
    lines.set_title("A long conversation", fontsize=10)
    lines.grid(alpha=0.3)
    lines.legend(fontsize=8)
    _save(figure, path)


def web(report: Mapping[str, Any], waits: Sequence[tuple[float, float]], path: Path) -> None:
    """Draw what `python -m bench.web` measured: every reply's wait over time, and how the waits are spread."""
    pyplot = _pyplot()
    figure, (over_time, spread) = pyplot.subplots(1, 2, figsize=(12, 4.5), gridspec_kw={"width_ratios": [3, 2]})
    milliseconds = [1000 * wait for _, wait in waits]
    over_time.scatter([at for at, _ in waits], milliseconds, s=3, color=OURS, alpha=0.4, linewidths=0)
    over_time.axhline(report["load"]["target_p95_ms"], color="#b3261e", linewidth=1, label="target for p95")
    over_time.set_xlabel("seconds")
    over_time.set_ylabel("wait for the reply, ms")
    over_time.set_yscale("log")
    over_time.set_title(
        f"{report['load']['visitors']} visitors on streams, each writing every {report['load']['every_seconds']:g} s", fontsize=10
    )
    over_time.legend(fontsize=8)
    ordered = sorted(milliseconds)
    spread.plot(ordered, [100 * (i + 1) / len(ordered) for i in range(len(ordered))], color=OURS)
    spread.axvline(report["load"]["target_p95_ms"], color="#b3261e", linewidth=1)
    spread.axhline(95, color=EDGE, linewidth=0.6, linestyle=":")
    spread.set_xscale("log")
    spread.set_xlabel("wait for the reply, ms")
    spread.set_ylabel("per cent of replies")
    spread.grid(alpha=0.3)
    _save(figure, path)


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _smooth(waits: Sequence[float], around: int = 3) -> list[float]:
    near = [sorted(waits[max(0, i - around) : i + around + 1]) for i in range(len(waits))]
    return [some[len(some) // 2] for some in near]


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    _pyplot().close(figure)
