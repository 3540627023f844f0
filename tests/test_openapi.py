"""The API keeps to its description, whatever is sent: no server error, no undocumented answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from fixtures_server import Server, running
from hypothesis import HealthCheck, settings
from patience import PATIENCE_SECONDS
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

pytestmark = pytest.mark.slow

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    wide = {"VISITORS_PER_HOUR": "1000000", "ADDRESS_MESSAGES_PER_MINUTE": "1000000", "MESSAGES_PER_MINUTE": "5"}
    with running(tmp_path_factory.mktemp("openapi"), None, **wide) as one:
        yield one


@pytest.fixture(scope="module")
def api(server: Server) -> Any:
    return schemathesis.openapi.from_url(f"{server.url}/api/v1/openapi.json")


# A stream never ends by itself: tests/test_website.py reads it.
schema = schemathesis.pytest.from_fixture("api").exclude(path_regex="/events$")


def token(server: Server) -> str:
    answer = requests.post(f"{server.url}/api/v1/visitors", json={}, timeout=PATIENCE_SECONDS)
    return f"Bearer {answer.json()['token']}"


@schema.parametrize()
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_a_documented_one(case: Any, server: Server) -> None:
    if isinstance(case.query.get("wait"), int):
        case.query["wait"] = min(case.query["wait"], 1)
    response = case.call(headers={"Authorization": token(server)}, timeout=PATIENCE_SECONDS)
    case.validate_response(response, checks=CHECKS)


@schema.parametrize()
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_to_a_stranger_is_a_documented_one(case: Any, server: Server) -> None:
    case.validate_response(case.call(timeout=PATIENCE_SECONDS), checks=CHECKS)
