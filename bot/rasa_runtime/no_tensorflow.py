"""An inert stand-in for TensorFlow, so that Rasa starts without it.

Rasa imports TensorFlow at start even when no configured component uses it; that is 415 MB of memory and 1.8 GB of disk.
`install()` puts a finder at the *end* of the import system: a real TensorFlow, where it is installed, always wins.
The stand-in can be imported, subclassed and used in annotations; building anything with it raises `TensorFlowMissing`.
"""

from __future__ import annotations

import importlib.machinery
import sys
from types import ModuleType
from typing import Any

NAMES = frozenset({"tensorflow", "keras", "tensorflow_hub", "tensorflow_text", "tensorflow_addons"})
HOW_TO_GET_IT = (
    "TensorFlow is not installed, and a configured component needs it. "
    "Install it (`uv pip install tensorflow==2.12.0`, extra `stock`), or take the component out of config.yml."
)


class TensorFlowMissing(ImportError):
    """Raised when something tries to compute with the stand-in."""


class _InertType(type):
    """A class whose every attribute is another inert class, so that `tf.keras.layers.Layer` can be subclassed."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _inert(name)

    def __getitem__(cls, _: Any) -> Any:
        return cls

    def __or__(cls, _: Any) -> Any:
        return cls

    __ror__ = __or__


class _Inert(metaclass=_InertType):
    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls.__module__ != __name__:  # a Rasa class built on a TensorFlow one, such as DIET's model
            raise TensorFlowMissing(HOW_TO_GET_IT)
        # `@tf.function` and `@register_keras_serializable()` run while Rasa is being imported: hand the function back.
        if len(args) == 1 and not kwargs and callable(args[0]):
            return args[0]
        return lambda decorated=None, *_, **__: decorated


def _inert(name: str) -> Any:
    return _InertType(name, (_Inert,), {"__module__": __name__})


class _StandIn(ModuleType):
    __version__ = "2.12.0"
    __path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = _inert(name)
        setattr(self, name, value)
        return value


class _Finder:
    """Finds nothing but TensorFlow's module names."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] not in NAMES:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run."""


def install() -> None:
    """Let `import tensorflow` succeed where TensorFlow is not installed."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())  # type: ignore[arg-type]


def is_standin() -> bool:
    """Tell whether the stand-in took TensorFlow's place in this process."""
    return isinstance(sys.modules.get("tensorflow"), _StandIn)
