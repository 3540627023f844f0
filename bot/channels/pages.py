"""The files and pages of the widget and of the demo site: packed once, served with tags, under a strict policy.

Scripts and styles live under an address that names their content, so they are fetched once and kept; the loader and the pages
are asked for again and answered with "not modified". Nothing here sets a cookie or names a third party.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sanic.request import Request
from sanic.response import HTTPResponse, raw

WEB_DIR = Path(__file__).resolve().parent.parent / "web"

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}

FOREVER = "public, max-age=31536000, immutable"
SHORTLY = "public, max-age=300, stale-while-revalidate=86400"
ALWAYS_ASK = "no-cache"

_PLACE = re.compile(r"\{\{(\w+)\}\}")

_AIR = re.compile(r"\s*([{};,])\s*|(?<=:)\s+")
"""White space that a style does without: round marks, and after a colon (before one it means "a descendant")."""


class Markup(str):
    """HTML of ours, with everything in it escaped already."""


@dataclass(frozen=True)
class Asset:
    """One file, ready to be sent."""

    body: bytes
    packed: bytes
    tag: str
    content_type: str

    @classmethod
    def of(cls, body: bytes, content_type: str) -> Asset:
        """Pack a file."""
        # No time stamp: two processes give the same bytes.
        return cls(body, gzip.compress(body, 9, mtime=0), f'"{hashlib.sha256(body).hexdigest()[:20]}"', content_type)


class Assets:
    """All files of a folder, read once."""

    def __init__(self, folder: Path) -> None:
        self._files = {
            str(file.relative_to(folder)): Asset.of(lean(file), TYPES[file.suffix])
            for file in sorted(folder.rglob("*"))
            if file.is_file() and file.suffix in TYPES
        }
        tags = "".join(f"{name}{asset.tag}" for name, asset in self._files.items())
        self.version = hashlib.sha256(tags.encode()).hexdigest()[:12]
        """Names the content of the whole folder: modules import each other by relative address, so they change together."""

    def get(self, name: str) -> Asset | None:
        """Return a file, or None."""
        return self._files.get(name)

    def text(self, name: str) -> str:
        """Return a file as text."""
        return self._files[name].body.decode("utf-8")

    def names(self, suffix: str) -> list[str]:
        """Return the names of all files of a kind."""
        return [name for name in self._files if name.endswith(suffix)]


def lean(file: Path) -> bytes:
    """Return a file's content; scripts and styles without indentation, blank lines and the lines that are comments."""
    if file.suffix not in (".js", ".css"):
        return file.read_bytes()
    kept: list[str] = []
    inside = False
    for line in filter(None, map(str.strip, file.read_text("utf-8").split("\n"))):
        comment = inside or line.startswith(("//", "/*"))
        inside = comment and "*/" not in line and (inside or line.startswith("/*"))
        if not comment:
            kept.append(line)
    if file.suffix == ".css":
        kept = [_AIR.sub(r"\1", line) for line in kept]
    return "\n".join(kept).encode("utf-8")


def send(request: Request, asset: Asset, cache: str, headers: Mapping[str, str] | None = None) -> HTTPResponse:
    """Answer with a file, packed where the client can unpack it, or with "not modified"."""
    kept = {
        "cache-control": cache,
        "etag": asset.tag,
        "vary": "accept-encoding",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        **(headers or {}),
    }
    known = request.headers.get("if-none-match", "")
    if asset.tag in (one.strip().removeprefix("W/") for one in known.split(",")):
        return raw(b"", status=304, headers=kept, content_type=asset.content_type)
    if len(asset.packed) < len(asset.body) and _unpacks(request.headers.get("accept-encoding", "")):
        kept["content-encoding"] = "gzip"
        return raw(asset.packed, headers=kept, content_type=asset.content_type)
    return raw(asset.body, headers=kept, content_type=asset.content_type)


def page(request: Request, text: str, policy: Mapping[str, str]) -> HTTPResponse:
    """Answer with a page under a content security policy."""
    headers = {
        "content-security-policy": "; ".join(f"{name} {value}".strip() for name, value in policy.items()),
        "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        "cross-origin-opener-policy": "same-origin",
    }
    return send(request, Asset.of(text.encode("utf-8"), TYPES[".html"]), ALWAYS_ASK, headers)


def policy(ancestors: str, **more: str) -> dict[str, str]:
    """Return the content security policy of our pages: nothing but our own files, nothing inline, no HTML made by scripts."""
    return {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": ancestors,
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


def render(template: str, values: Mapping[str, Any]) -> str:
    """Fill a page's {{places}}: text is escaped, Markup is not."""

    def filled(hit: re.Match[str]) -> str:
        value = values[hit[1]]
        return value if isinstance(value, Markup) else html.escape(str(value))

    return _PLACE.sub(filled, template)


def script_json(data: Any) -> Markup:
    """Return JSON that can stand in a script: no tag can end it and no line end can break it."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _unpacks(accepted: str) -> bool:
    for one in accepted.lower().split(","):
        name, _, weight = one.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
