"""Runs a model's graph node after node: our graphs are small, and a scheduler costs more than it saves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rasa.engine.runner.dask import DaskGraphRunner


class PlainGraphRunner(DaskGraphRunner):
    """Rasa's runner without Dask's scheduler."""

    def run(self, inputs: Mapping[str, Any] | None = None, targets: list[str] | None = None) -> dict[str, Any]:
        """Run the nodes that the targets need, each once; returns the targets' outputs."""
        done: dict[str, Any] = {name: (name, value) for name, value in (inputs or {}).items()}
        wanted = targets or self._graph_schema.target_names
        for target in wanted:
            self._visit(target, done)
        return {target: done[target][1] for target in wanted}

    def _visit(self, name: str, done: dict[str, Any]) -> None:
        if name in done:
            return
        needs = self._graph_schema.nodes[name].needs.values()
        for need in needs:
            self._visit(need, done)
        done[name] = self._instantiated_nodes[name](*(done[need] for need in needs))
