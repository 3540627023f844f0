"""What clients send: read up to a limit, checked against the API's own description, and never lost to the red-flag screen.

A body that cannot be taken still has words in it: `Body.words` returns them however the body is broken, so that a refusal
can carry the emergency text.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from sanic.request import Request

from bot.channels.problems import NotJson, TooLarge, TooSlow, Unreadable
from bot.errors import TooLong

LARGEST_BODY = 16 * 1024
"""Bytes; eight times the longest message, so that any script and any escaping fits."""

LARGEST_SCREENED = 64 * 1024
"""Bytes of a refused body that are still read for red flags."""

BODY_SECONDS = 15.0

OPENAPI_FILE = Path(__file__).resolve().parent.parent / "web" / "openapi.yml"

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\([nrt])")


class Body:
    """The body of one request, as far as it was read."""

    def __init__(self, content_type: str, raw: bytes, whole: bool) -> None:
        self._content_type = content_type
        self._raw = raw
        self._whole = whole
        parsed: tuple[Any, str | None] = _parse(raw) if whole else (None, "it is too large")
        self._data, self._error = parsed

    @classmethod
    async def read(cls, request: Request) -> Body:
        """Read a request's body; what is beyond the limit is not kept."""
        try:
            raw, whole = await asyncio.wait_for(_read(request), BODY_SECONDS)
        except asyncio.TimeoutError:
            raise TooSlow("the body did not arrive in time") from None
        return cls(request.headers.get("content-type", ""), raw, whole)

    @property
    def words(self) -> str:
        """Everything in the body that a person could have written."""
        if self._data is not None:
            return "\n".join(_strings(self._data))
        text = self._raw.decode("utf-8", "replace")
        if "urlencoded" in self._content_type:
            text = unquote_plus(text)
        return _ESCAPE.sub(lambda hit: chr(int(hit[1], 16)) if hit[1] else " ", text)

    def fields(self, schemas: Schemas, name: str) -> Mapping[str, Any]:
        """Return the body as the named schema has it; raises what is wrong with it."""
        if not self._whole and len(self._raw) > LARGEST_BODY:
            raise TooLarge("the body is larger than 16 kB")
        if self._content_type.split(";")[0].strip().lower() != "application/json":
            raise NotJson("the body is not sent as JSON")
        if self._error is not None:
            raise Unreadable(f"the body is not JSON: {self._error}")
        schemas.check(name, self._data)
        return dict(self._data)


class Schemas:
    """The API's description: what is served to clients is what requests are checked against."""

    def __init__(self, file: Path = OPENAPI_FILE) -> None:
        self.document: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
        self._validators: dict[str, Draft202012Validator] = {}

    def check(self, name: str, data: Any) -> None:
        """Raise Unreadable, or TooLong for a text, where the data is not what the schema says."""
        validator = self._validators.get(name) or self._build(name)
        wrong = {_place(error): error for error in validator.iter_errors(data)}
        if not wrong:
            return
        if any(place == "text" and error.validator == "maxLength" for place, error in wrong.items()):
            raise TooLong("the text has more than 2,000 characters")
        # The validator's own message repeats the value: only what was expected is passed on.
        raise Unreadable(f"not a {name}: {', '.join(wrong)}", {place: _expected(error) for place, error in wrong.items()})

    def _build(self, name: str) -> Draft202012Validator:
        schema = {"$ref": f"#/components/schemas/{name}", "components": self.document["components"]}
        self._validators[name] = Draft202012Validator(schema)
        return self._validators[name]


async def _read(request: Request) -> tuple[bytes, bool]:
    kept = bytearray()
    stream = request.stream
    while stream is not None and stream.request_body and len(kept) <= LARGEST_SCREENED:
        kept += await stream.read() or b""
    return bytes(kept[:LARGEST_SCREENED]), len(kept) <= LARGEST_BODY


def _parse(raw: bytes) -> tuple[Any, str | None]:
    try:
        return json.loads(raw, parse_constant=_no_constant), None
    except (ValueError, RecursionError) as error:
        # The error's position is ours; its text could repeat the body.
        return None, f"character {error.pos}" if isinstance(error, json.JSONDecodeError) else "it cannot be read"


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _strings(data: Any) -> Iterator[str]:
    """Yield every text in parsed JSON, names of fields included: a confused client may put words anywhere."""
    pending = [data]
    while pending:
        one = pending.pop(0)
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            pending += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            pending += one


def _place(error: Any) -> str:
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return ".".join([*map(str, error.absolute_path), *missing[:1]])
    return ".".join(map(str, error.absolute_path)) or "body"


def _expected(error: Any) -> str:
    kind, value = error.validator, error.validator_value
    if kind == "required":
        return "must be there"
    if kind == "additionalProperties":
        return "has a field that is not known"
    return f"must have {kind} {json.dumps(value)}"
