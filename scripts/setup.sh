#!/usr/bin/env bash
# Makes .venv from the locked dependencies; nothing to do where it is up to date. Usage: scripts/setup.sh run|dev
set -euo pipefail
cd "$(dirname "$0")/.."
lock=requirements.lock
[ "${1:-run}" = dev ] && lock=requirements-dev.lock

# Behind a proxy with a certificate of its own, the system knows whom to trust; older versions of uv know the second name.
export UV_SYSTEM_CERTS=true UV_NATIVE_TLS=true

# What is installed already satisfies `run` also when it was made for `dev`.
stamp=.venv/.stamp
want() { cat "$1" scripts/setup.sh .python-version | sha256sum | cut -d' ' -f1; }
have=$(cat "$stamp" 2>/dev/null || true)
[ "$have" = "$(want "$lock")" ] && exit 0
[ "$lock" = requirements.lock ] && [ "$have" = "$(want requirements-dev.lock)" ] && exit 0

uv=$(command -v uv || true)
if [ -z "$uv" ]; then
    echo "Setting up: uv, the installer" >&2
    base=""
    for python in python3 python3.10 python; do
        if command -v "$python" >/dev/null && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
            base=$python
            break
        fi
    done
    [ -n "$base" ] || { echo "frontdesk: no Python found. Install Python 3.10 (python.org, apt, brew or pyenv) and run make again." >&2; exit 1; }
    [ -x .venv-uv/bin/uv ] || { "$base" -m venv .venv-uv && .venv-uv/bin/python -m pip install -q --disable-pip-version-check uv; } \
        || { echo "frontdesk: could not install uv. Install it (pip install uv) and run make again." >&2; exit 1; }
    uv=.venv-uv/bin/uv
fi

# uv finds a Python 3.10 wherever it is installed, also one that pyenv keeps and has not activated.
python=$("$uv" python find --no-python-downloads 3.10 2>/dev/null || true)
if [ -z "$python" ]; then
    for root in "${PYENV_ROOT:-$HOME/.pyenv}" "$(pyenv root 2>/dev/null || true)"; do
        python=$(ls -d "$root"/versions/3.10*/bin/python 2>/dev/null | tail -n 1 || true)
        [ -n "$python" ] && break
    done
fi
[ -n "$python" ] || { echo "frontdesk: Rasa needs Python 3.10, and none was found. Install it (python.org, apt install python3.10, brew install python@3.10 or pyenv install 3.10) and run make again." >&2; exit 1; }

echo "Setting up: dependencies from $lock (a minute or two the first time)" >&2
[ -x .venv/bin/python ] && .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' 2>/dev/null \
    || "$uv" venv -q --clear --python "$python" .venv
VIRTUAL_ENV=$PWD/.venv "$uv" pip sync -q --require-hashes "$lock"

# Puts this folder on the path of the environment's Python, and the stand-in for TensorFlow in front of Rasa (docs/decisions/0001).
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
printf '%s\n%s\n' "$PWD" 'import importlib.util as _u; _u.find_spec("bot") and __import__("bot.rasa_runtime.environment", fromlist=["prepare"]).prepare()' > "$site/frontdesk.pth"
want "$lock" > "$stamp"
