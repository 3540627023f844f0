"""Settings: what the environment says, read once, validated, frozen.

The only module that reads the environment. Every setting has a default that serves one clinic on one machine. `python -m bot settings`
prints them with secrets masked; docs/operating.md carries the same table (tests/test_docs.py compares).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bot.errors import SettingsError

ROOT = Path(__file__).resolve().parent.parent
"""The repository: where config.yml, domain.yml and data/ stand."""


def _setting(default: Any, help_text: str, secret: bool = False) -> Any:
    return field(default=default, metadata={"help": help_text, "secret": secret})


@dataclass(frozen=True)
class Settings:
    """All settings; the name in capitals is the environment variable."""

    clinic_dir: Path = _setting(ROOT / "clinic", "Folder with clinic.yml, answers.yml and safety.yml")
    var_dir: Path = _setting(ROOT / "var", "Folder for the embedded database and the signing secret")
    models_dir: Path = _setting(ROOT / "models", "Folder with the trained models; the newest is served")
    database_url: str = _setting("", "Database: empty for SQLite in VAR_DIR, or postgresql://user:password@host/name", True)
    redis_url: str = _setting("", "Redis, needed only where several processes serve one clinic: redis://host:6379/0", True)
    host: str = _setting("127.0.0.1", "Address to listen on; other than loopback only once the sample clinic is replaced")
    port: int = _setting(8000, "Port to listen on")
    public_url: str = _setting("", "Address that visitors and staff open, for links; empty for http://HOST:PORT")
    secret_keys: tuple[str, ...] = _setting((), "Signing secrets, comma separated: the first signs, all verify", True)
    trusted_proxies: int = _setting(0, "Number of reverse proxies in front; their X-Forwarded-For entries are believed")
    rasa_timeout_seconds: float = _setting(8.0, "Time after which a visitor gets an answer without Rasa's")
    emergency_hours: float = _setting(12.0, "Hours after which an emergency that nobody closed ends by itself")
    claim_silence_minutes: float = _setting(30.0, "Minutes without a reply after which a claimed conversation goes back")
    smtp_url: str = _setting("", "Mail server: smtp://user:password@host:587 (smtps:// for TLS from the start)", True)
    mail_from: str = _setting("frontdesk@localhost", "Sender of e-mails")
    webhook_secret: str = _setting("", "Secret that signs webhooks (Standard Webhooks, whsec_...); empty derives one", True)
    retention_days: float = _setting(90.0, "Days after which closed conversations are deleted")
    messages_per_minute: int = _setting(20, "Messages a visitor may send in a minute")
    address_messages_per_minute: int = _setting(300, "Messages one address may send in a minute: a whole clinic shares one")
    visitors_per_hour: int = _setting(600, "Conversations one address may start in an hour")
    token_days: float = _setting(30.0, "Days after which a visitor's token expires; it renews itself before")
    metrics: bool = _setting(True, "Serve Prometheus metrics at /metrics, to this machine")
    metrics_token: str = _setting("", "Token with which other machines may read /metrics: Authorization: Bearer TOKEN", True)
    log_level: str = _setting("INFO", "DEBUG, INFO, WARNING or ERROR")

    @property
    def store_url(self) -> str:
        """Return the database's address with the default filled in."""
        return self.database_url or f"sqlite:///{self.var_dir / 'frontdesk.db'}"

    @property
    def base_url(self) -> str:
        """Return the address that links start with."""
        return self.public_url.rstrip("/") or f"http://{'localhost' if self.loopback else self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Tell whether only this machine can reach the server."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")

    @property
    def exposed(self) -> bool:
        """Tell whether others than this machine are to be served, directly or through a proxy."""
        return not self.loopback or self.trusted_proxies > 0 or bool(self.public_url)

    def signing_keys(self) -> tuple[str, ...]:
        """Return the signing secrets; makes one in VAR_DIR where none is set."""
        if self.secret_keys:
            return self.secret_keys
        file = self.var_dir / "secret"
        try:
            if not file.exists():
                self.var_dir.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                with os.fdopen(descriptor, "w") as out:
                    out.write(secrets.token_urlsafe(48))
            return (file.read_text().strip(),)
        except FileExistsError:  # another process was first
            return (file.read_text().strip(),)
        except OSError as error:
            raise SettingsError(f"cannot keep a signing secret in {file}: {error.strerror}. Set SECRET_KEYS or VAR_DIR.") from error


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; raises SettingsError naming the variable and what is expected."""
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for one in fields(Settings):
        raw = environ.get(one.name.upper())
        if raw is not None and raw.strip():
            values[one.name] = _parse(one.name, raw.strip(), one.default)
    settings = Settings(**values)
    _check(settings)
    return settings


def _parse(name: str, raw: str, default: Any) -> Any:
    try:
        if isinstance(default, bool):
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[raw.lower()]
        if isinstance(default, (int, float)):
            number = type(default)(raw)
            if number < 0:
                raise ValueError
            return number
        if isinstance(default, Path):
            return Path(raw).expanduser().resolve()
        if isinstance(default, tuple):
            return tuple(part.strip() for part in raw.split(",") if part.strip())
    except (ValueError, KeyError):
        kind = "yes or no" if isinstance(default, bool) else "a number"
        raise SettingsError(f"{name.upper()}={raw!r}: expected {kind}") from None
    return raw


def _check(settings: Settings) -> None:
    if settings.database_url and urlsplit(settings.database_url).scheme.split("+")[0] not in {"sqlite", "postgresql", "postgres"}:
        raise SettingsError("DATABASE_URL: expected sqlite:///file or postgresql://user:password@host/name")
    if settings.log_level.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise SettingsError(f"LOG_LEVEL={settings.log_level!r}: expected DEBUG, INFO, WARNING or ERROR")
    if not 0 < settings.port < 65536:
        raise SettingsError(f"PORT={settings.port}: expected 1 to 65535")
