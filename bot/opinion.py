"""The learned detector's opinion of a message, and what it changes about what the red-flag list found.

The list knows words, not what they are about: "broken", "collapsed" and "stroke" also stand in case reports, film titles and old stories. So what
it finds in a message stands unless the detector, asked about the same words, finds it all but impossible. An emergency is
then urgent, for staff to read today, and only a message that is about nobody's body at all gets an answer. Without an opinion the list stands alone.
Measured in docs/decisions/0011.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.safety import Assessment, Level

IMPOSSIBLE = 0.05
"""Probability under which the detector overrules an emergency or an urgent sign of the list; of our held-out emergencies none is under it."""

UNLIKELY = 0.15
"""The same for the list's mildest level: body words alone also stand in questions."""

ORDINARY = 0.5
"""Probability under which an emergency that only the detector sees is none, where the list reads the message as an ordinary complaint."""


@dataclass(frozen=True)
class Opinion:
    """How probable learned readers find it that a message tells of somebody's body, and of danger."""

    report: float
    emergency: float
    """The detector's own probability."""
    possible: float
    """The highest that any of them gives: what is doubted, all of them must doubt."""


def weigh(level: Level, bodily: bool, opinion: Opinion) -> tuple[Level, bool]:
    """Return the level, and whether a body is spoken of, that the list's finding and the opinion make together."""
    if level is Level.EMERGENCY and opinion.possible < IMPOSSIBLE:
        level = Level.URGENT
    if level is Level.URGENT and opinion.report < IMPOSSIBLE:
        return Level.NONE, False
    if level is Level.ROUTINE and opinion.report < UNLIKELY:
        return Level.NONE, False
    return level, bodily and opinion.report >= (IMPOSSIBLE if level else UNLIKELY)


def alarms(level: Level, opinion: Opinion | None) -> bool:
    """Say whether an emergency that only the detector sees stands beside what the list makes of the message."""
    return level is not Level.ROUTINE or opinion is None or opinion.emergency >= ORDINARY


def weighed(found: Assessment, alone: Assessment, opinion: Opinion | None) -> Assessment:
    """Return what was found with the opinion weighed in.

    A crisis is never doubted, nor what rests on more than the message `alone`: the detector reads one message.
    """
    if opinion is None or found.kind == "crisis" or found.level > alone.level or _gravest(found) - _gravest(alone):
        return found
    level, bodily = weigh(found.level, found.bodily, opinion)
    if level is found.level:
        return found
    return replace(found, level=level, bodily=bodily, kind="urgent" if level else "")


def _gravest(found: Assessment) -> set[tuple[str, str]]:
    return {(match.rule, match.pattern) for match in found.matches if match.level is found.level}
