"""Rasa custom actions: they look things up in the front desk's store.

`python -m bot serve` runs them in its own process; `rasa run actions` serves them over HTTP unchanged.
"""

from actions.answers import ActionAnswer, ActionDeclineOffer, ActionNotSure, ActionTakeUpOffer
from actions.callback import ActionRequestCallback, ValidateCallbackForm
from actions.handoff import ActionHandOff

__all__ = [
    "ActionAnswer",
    "ActionDeclineOffer",
    "ActionHandOff",
    "ActionNotSure",
    "ActionRequestCallback",
    "ActionTakeUpOffer",
    "ValidateCallbackForm",
]
