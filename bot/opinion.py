"""The learned detector's opinion of a message, and what it and the red-flag list make of it together.

The list knows words, not what they are about: "broken", "collapsed" and "stroke" also stand in case reports, film titles and old stories. The
detector reads sentences, and may miss what nobody wrote before. Either of them is enough for an alarm; how sure the detector must be depends on what
the list found (`ALARM`, `REPORT`). Without an opinion the list stands alone. Measured in docs/decisions/0011.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.safety import Assessment, Level

ALARM: Mapping[Level, float] = {Level.NONE: 0.3, Level.ROUTINE: 0.4, Level.URGENT: 0.3, Level.EMERGENCY: 0.005}
"""Probability of danger from which a message is an emergency, by what the list finds in it. A complaint that the list knows as an ordinary one
must be surer, and what the list calls an emergency is none only where the detector finds it all but impossible."""

REPORT: Mapping[Level, float] = {Level.NONE: 0.15, Level.ROUTINE: 0.15, Level.URGENT: 0.02, Level.EMERGENCY: 0.01}
"""The same for a message that tells of somebody's body, and is for staff to read."""


DANGER = 0.05
"""Probability of danger from which a person must see a message, whatever else it looks like."""


@dataclass(frozen=True)
class Opinion:
    """How probable the learned readers find it that a message tells of somebody's body, and of danger."""

    report: float
    emergency: float
    agreed: float | None = None
    """The lower of the readers' two probabilities of danger, where a message is too short for either of them to be believed alone."""


def weigh(level: Level, bodily: bool, opinion: Opinion) -> tuple[Level, bool]:
    """Return the level, and whether a body is spoken of, that the list's finding and the opinion make together; never more than the list found."""
    if level is Level.EMERGENCY and alarms(level, opinion):
        return level, bodily
    found = max(level, Level.ROUTINE) if bodily else level
    return (min(level, Level.URGENT), bodily) if reports(found, opinion) else (Level.NONE, False)


def alarms(level: Level, opinion: Opinion) -> bool:
    """Say whether a message is an emergency, by what the list found and what the detector thinks."""
    probability = opinion.emergency if level or opinion.agreed is None else opinion.agreed
    return probability >= ALARM[level]


def reports(level: Level, opinion: Opinion) -> bool:
    """Say whether a message is for staff, by what the list found and what the detector thinks."""
    return opinion.report >= REPORT[level] or opinion.emergency >= DANGER


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
