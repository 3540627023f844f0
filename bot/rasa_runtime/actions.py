"""Custom actions in this process: no network hop, no tracker and domain posted on every call."""

from __future__ import annotations

from typing import Any

from rasa.core.actions import action as rasa_action
from rasa.utils.endpoints import EndpointConfig
from rasa_sdk.executor import ActionExecutor

MUST_BE = {"events": list, "responses": list}


class InProcessActions(EndpointConfig):
    """An action endpoint whose `request` runs the action here."""

    def __init__(self) -> None:
        super().__init__("http://in-process", enable_selective_domain=True)
        self._executor = ActionExecutor()
        self._executor.register_package("actions")
        _check_cheaply()

    async def request(self, method: str = "post", subpath: str | None = None, **kwargs: Any) -> Any:
        """Run the action that the call names; an action's own error reaches the door."""
        return await self._executor.run(kwargs["json"])


def _check_cheaply() -> None:
    """Let Rasa check an action's result by its shape: against its JSON schema it takes 25 ms a message."""

    def check(self: Any, result: dict[str, Any]) -> bool:
        return all(isinstance(result.get(key), kind) for key, kind in MUST_BE.items())

    rasa_action.RemoteAction._validate_action_result = check
