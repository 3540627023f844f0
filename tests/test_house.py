"""The house's rules (docs/architecture.md), read from the code: who may import whom, and what importing may not do."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Each group of modules, and the groups it may import beside itself. A module belongs to the first line that names it or its folder.
GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "errors": (("bot.errors",), ()),
    "settings": (("bot.settings",), ("errors",)),
    "roles": (("bot.roles",), ("errors",)),
    "bell": (("bot.bell",), ()),
    "safety": (("bot.safety", "bot.safety_rules", "bot.patterns", "bot.textnorm", "bot.opinion"), ("errors",)),
    "store": (("bot.store", "bot.tables"), ("errors",)),
    "content": (
        (
            *("bot.content", "bot.fields", "bot.hours", "bot.clinic", "bot.wording", "bot.question", "bot.when"),
            *("bot.replies", "bot.hour_replies", "bot.edition", "bot.check", "bot.suggestions", "bot.labels"),
        ),
        ("errors",),
    ),
    "answers": (("bot.answers", "bot.versions"), ("content", "store", "errors")),
    "notify": (("bot.notify",), ("bell", "store", "errors")),
    "audit": (("bot.audit",), ("store", "errors")),
    "desk": (
        ("bot.desk", "bot.conversations", "bot.handoffs", "bot.lookup", "bot.alarms", "bot.privacy"),
        ("audit", "bell", "notify", "store", "errors"),
    ),
    "staff": (
        ("bot.staff", "bot.accounts", "bot.canned", "bot.overview"),
        ("roles", "audit", "desk", "content", "store", "errors"),
    ),
    "monitoring": (("bot.gauges", "bot.metrics", "bot.readiness"), ("desk", "notify", "store", "errors")),
    "frontdesk": (("bot.frontdesk",), ("answers", "desk", "safety", "store", "errors")),
    "backup": (("bot.backup", "bot.archive", "bot.dump"), ("audit", "settings", "store", "errors")),
    "parts": (("bot.parts",), ("answers", "bell", "desk", "notify", "safety", "settings", "staff", "store", "errors")),
    # The edges, each with what it translates between.
    "nlu": (("bot.nlu",), ("safety", "settings")),
    "actions": (("actions",), ("parts", "answers", "desk", "safety", "settings", "store", "errors")),
    "nlg": (("bot.nlg",), ("answers", "settings", "store")),
    "rasa_runtime": (("bot.rasa_runtime",), ("nlu", "nlg", "frontdesk", "desk", "safety", "settings", "store", "errors")),
    "channels": (
        ("bot.channels",),
        (
            "parts",
            "frontdesk",
            "answers",
            "audit",
            "bell",
            "content",
            "desk",
            "notify",
            "roles",
            "settings",
            "staff",
            "store",
            "errors",
            "monitoring",
        ),
    ),
    "evaluation": (("bot.evaluation", "bot.report"), ("frontdesk", "desk", "store", "errors")),
    "training": (("bot.training",), ("settings", "errors")),
    # The composition root.
    "server": (("bot.server",), ("*",)),
    "command line": (("bot.__main__",), ("*",)),
}

EDGES = frozenset({"nlu", "actions", "nlg", "rasa_runtime", "channels", "evaluation", "training", "server", "command line"})
"""What stands above the door; all other groups run without Rasa, a model or a web server."""

FOREIGN = {
    "rasa": {"nlu", "nlg", "rasa_runtime"},
    "rasa_sdk": {"actions", "rasa_runtime"},
    "sanic": {"channels", "server"},
    "tensorflow": set(),
    "keras": set(),
    "torch": set(),
    "typer": {"command line"},
    "prometheus_client": {"monitoring"},
}
"""Packages, and the only groups that may import them."""

OWN_TABLES = frozenset(
    {
        *(
            "bot.store",
            "bot.tables",
            "bot.versions",
            "bot.notify",
            "bot.audit",
            "bot.accounts",
            "bot.staff",
            "bot.canned",
            "bot.overview",
            "bot.gauges",
            "bot.dump",
        ),
        *("bot.desk", "bot.conversations", "bot.handoffs", "bot.lookup", "bot.privacy", "bot.rasa_runtime.tracker_store"),
    }
)
"""The modules that know SQLAlchemy: each owns tables, or the queries on them."""

NETWORK = frozenset({"aiohttp", "aiosmtplib", "httpx", "requests", "smtplib", "urllib3", "http.client", "urllib.request", "ftplib"})
"""What calls somebody outside; allowed in bot/notify.py and the channels."""

READS_ENVIRONMENT = {
    "bot.rasa_runtime.environment": "defaults for plain `rasa` commands, set before they start",
    "bot.rasa_runtime.serving": "threads of the number libraries, which they read while they are imported",
    "bot.settings": "its trade",
    "bot.__main__": "switches that Rasa and SQLAlchemy read while they are imported, and the name of who types",
    "bot.training": "handed on to the process that trains",
}


@lru_cache(maxsize=1)
def modules() -> dict[str, ast.Module]:
    """Every module of ours by its dotted name."""
    found = {}
    for top in ("bot", "actions"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


def imports(tree: ast.Module) -> Iterator[str]:
    """The dotted names that a module imports, anywhere in it: also within functions and for types only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are written in full"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in modules() else str(node.module)


def group_of(module: str) -> str:
    for group, (members, _) in GROUPS.items():
        if any(module == member or module.startswith(member + ".") for member in members):
            return group
    raise AssertionError(f"{module} belongs to no group: add it to GROUPS here and to docs/architecture.md")


def ours(module: str) -> list[str]:
    return [name for name in imports(modules()[module]) if name.partition(".")[0] in ("bot", "actions") and name != "bot"]


@pytest.mark.parametrize("module", sorted(set(modules()) - {"bot"}))
def test_module_imports_only_what_stands_below_it(module: str) -> None:
    group = group_of(module)
    allowed = {group, *GROUPS[group][1]}
    wrong = {name for name in ours(module) if group_of(name) not in allowed}
    assert "*" in allowed or not wrong, f"{module} ({group}) imports {sorted(wrong)}"


def test_no_group_is_reached_from_below() -> None:
    order = {group: number for number, group in enumerate(GROUPS)}
    for group, (_, allowed) in GROUPS.items():
        assert "*" in allowed or all(order[one] < order[group] for one in allowed), group


@pytest.mark.parametrize("package", sorted(FOREIGN))
def test_framework_stays_at_its_edge(package: str) -> None:
    users = {module for module in modules() if any(name.partition(".")[0] == package for name in imports(modules()[module]))}
    assert {module for module in users if group_of(module) not in FOREIGN[package]} == set()


def test_only_the_owners_of_tables_know_sqlalchemy() -> None:
    users = {module for module in modules() if any(name.partition(".")[0] == "sqlalchemy" for name in imports(modules()[module]))}
    assert users - OWN_TABLES == set()
    assert OWN_TABLES - users == set(), "take them off the list"


def test_only_notifiers_and_channels_call_outside() -> None:
    users = {
        module
        for module in modules()
        if any(name in NETWORK or name.partition(".")[0] in NETWORK for name in imports(modules()[module]))
    }
    assert {module for module in users if group_of(module) not in ("notify", "channels")} == set()


def test_only_settings_read_the_environment() -> None:
    readers = {
        module
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv") and getattr(node.value, "id", "") == "os"
    }
    assert readers == set(READS_ENVIRONMENT)


def test_only_the_composition_root_constructs_the_desk_the_outbox_and_the_door() -> None:
    allowed = {"Desk": {"parts"}, "Outbox": {"parts"}, "SafetyList": {"parts"}, "FrontDesk": {"server"}, "Answers": {"parts"}}
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in allowed:
                assert group_of(module) in allowed[node.func.id], f"{module}:{node.lineno} builds {node.func.id}"


WATCHED = """
import importlib, sys
root, names = sys.argv[1], sys.argv[2:]
acts = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        path, mode = arguments[0], arguments[1] or ""
        written = any(letter in mode for letter in "wax+")
        if written or (path.startswith(root) and "/.venv/" not in path and not path.endswith((".py", ".pyc"))):
            acts.append(f"opens {path} {mode}")
    elif event in ("socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen", "os.mkdir", "os.putenv"):
        acts.append(f"{event} {arguments[:2]}")
sys.dont_write_bytecode = True
sys.addaudithook(watch)
for name in names:
    before = len(acts)
    importlib.import_module(name)
    for act in acts[before:]:
        print(f"importing {name} {act}")
"""


def watched(names: list[str], first: str = "", then: str = "") -> list[str]:
    """Import modules in a fresh Python that watches what they do; returns what it printed."""
    command = [sys.executable, "-c", first + WATCHED + then, str(ROOT), *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def test_below_the_edges_importing_does_nothing_and_needs_no_rasa_no_model_and_no_web_server() -> None:
    below = [module for module in modules() if module != "bot" and group_of(module) not in EDGES]
    heavy = "('rasa', 'rasa_sdk', 'sanic', 'tensorflow', 'onnxruntime', 'sklearn')"
    assert watched(below, then=f"print([name for name in {heavy} if name in sys.modules])") == ["[]"]


def test_importing_the_edges_does_nothing() -> None:
    edges = [module for module in modules() if module != "bot" and group_of(module) in EDGES - {"command line"}]
    # What Rasa and its packages do while they are imported is theirs: they come first, unwatched.
    rasa = "import rasa.core.processor, rasa.core.nlg, rasa.engine.recipes.default_recipe, rasa_sdk.executor, sanic\n"
    assert watched(edges, first=rasa) == []
