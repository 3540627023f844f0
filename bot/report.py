"""The evaluation as one HTML page: figures, confusion matrix, worst confusions with their messages, confidence plots."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from bot.evaluation import BINS, Prediction, Report, bins, confusions, matrix

SHOWN = 40
"""Confusions listed, most frequent first."""

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;color:#1a2b33}
table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #cdd8dc;padding:.2rem .5rem;text-align:right}
th{background:#eef4f5}td:first-child,th:first-child{text-align:left}.m td{font-size:.7rem}.m th{font-size:.7rem;writing-mode:vertical-rl}
.m th:first-child{writing-mode:horizontal-tb}.right{background:#d5efdf}.wrong{background:#f9d6d0}li{margin:.2rem 0}svg text{font-size:11px}
"""


def write_report(predictions: Sequence[Prediction], figures: Report, folder: Path) -> Path:
    """Write `index.html` into a folder and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    parts = (_figures(figures), _calibration(predictions), _histogram(predictions), _matrix(predictions), _worst(predictions))
    page = f"<!doctype html><html lang=en><meta charset=utf-8><title>Evaluation</title><style>{STYLE}</style><h1>Evaluation</h1>{''.join(parts)}</html>"
    path.write_text(page, encoding="utf-8")
    return path


def _figures(figures: Report) -> str:
    rows = "".join(
        f"<tr><td>{key}<td>{'-' if value is None else value}"
        for key, value in figures.as_data().items()
        if not isinstance(value, dict)
    )
    topics = "".join(
        f"<tr><td>{escape(key)}<td>{one['n']}<td>{one['right']}<td>{one['accuracy']:.2f}" for key, one in figures.by_topic.items()
    )
    return f"<table>{rows}</table><h2>By topic</h2><table><tr><th>topic<th>n<th>right<th>share{topics}</table>"


def _calibration(predictions: Sequence[Prediction]) -> str:
    """Draw, for each confidence bin, how many were right against how sure the assistant was."""
    calm = [one for one in predictions if one.case.route in ("answer", "decline")]
    points = [
        (sum(p.confidence for p in group) / len(group), sum(p.right for p in group) / len(group), len(group))
        for group in bins(calm)
        if group
    ]
    dots = "".join(
        f'<circle cx="{40 + x * 260:.0f}" cy="{280 - y * 260:.0f}" r="{2 + min(n, 100) ** 0.5:.0f}" fill="#1f7a8c" opacity=".7"/>'
        for x, y, n in points
    )
    return (
        "<h2>Confidence against being right</h2><svg width=320 height=310 role=img aria-label='Calibration plot'>"
        '<line x1=40 y1=280 x2=300 y2=20 stroke="#aab"/><path d="M40 20V280H300" fill=none stroke="#333"/>'
        f"{dots}<text x=120 y=304>confidence</text><text x=2 y=14>right</text></svg>"
    )


def _histogram(predictions: Sequence[Prediction]) -> str:
    bars = []
    for number, group in enumerate(bins(predictions)):
        right = sum(one.right for one in group)
        bars.append((number, right, len(group) - right))
    top = max((right + wrong for _, right, wrong in bars), default=1) or 1
    drawn = "".join(
        f'<rect x="{40 + i * 26}" y="{280 - right / top * 240:.1f}" width=22 height="{right / top * 240:.1f}" fill="#3a9d6e"/>'
        f'<rect x="{40 + i * 26}" y="{280 - (right + wrong) / top * 240:.1f}" width=22 height="{wrong / top * 240:.1f}" fill="#c8553d"/>'
        for i, right, wrong in bars
    )
    marks = "".join(f"<text x={42 + i * 26} y=296>.{i}</text>" for i in range(BINS))
    return f"<h2>Confidence of right (green) and wrong (red)</h2><svg width=320 height=310 role=img aria-label='Histogram'>{drawn}{marks}</svg>"


def _matrix(predictions: Sequence[Prediction]) -> str:
    labels, counts = matrix(predictions)
    head = "".join(f"<th>{escape(label)}" for label in labels)
    rows = []
    for should in labels:
        cells = []
        for was in labels:
            count = counts.get((should, was), 0)
            kind = "right" if should == was else "wrong"
            cells.append(f"<td class={kind}>{count}" if count else "<td>")
        rows.append(f"<tr><td>{escape(should)}{''.join(cells)}")
    return f"<h2>Confusion matrix</h2><p>Rows: what it should be. Columns: what it was.<table class=m><tr><th>{head}{''.join(rows)}</table>"


def _worst(predictions: Sequence[Prediction]) -> str:
    groups = []
    for should, was, rows in confusions(predictions)[:SHOWN]:
        items = "".join(f"<li>{escape(one.case.text)} <small>({one.case.id}, {one.confidence:.2f})</small>" for one in rows)
        groups.append(f"<h3>{escape(should)} taken for {escape(was)}: {len(rows)}</h3><ul>{items}</ul>")
    return f"<h2>Worst confusions</h2>{''.join(groups)}"
