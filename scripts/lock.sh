#!/usr/bin/env bash
# Resolves pyproject.toml into the two lock files: hashes, and no address in them.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$(command -v uv || echo .venv-uv/bin/uv)
common=(--universal --python-version 3.10 --generate-hashes --no-annotate --no-header --override overrides.txt -q)
"$uv" pip compile pyproject.toml "${common[@]}" -o requirements.lock
"$uv" pip compile pyproject.toml --group dev "${common[@]}" -c requirements.lock -o requirements-dev.lock
