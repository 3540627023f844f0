"""What every Python process of this environment starts with, plain `rasa` commands included (scripts/setup.sh puts it in a .pth file)."""

from __future__ import annotations

import os

from bot.rasa_runtime import no_tensorflow


def prepare() -> None:
    """Telemetry off, the action server on loopback, and no TensorFlow where none is installed."""
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    os.environ.setdefault("SANIC_HOST", "127.0.0.1")
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    no_tensorflow.install()
