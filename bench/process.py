"""Running and measuring other processes: progress lines, commands, servers on loopback."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil

from bot.settings import ROOT

WORK = ROOT / "var" / "bench"
"""Projects, models, logs and what was measured of each side; deleting it costs nothing but time."""

START_SECONDS = 600
STARTED_AT = time.monotonic()


class BenchError(Exception):
    """A stage failed; the message says which, and where its log is."""


def entry(main: Callable[[], object]) -> None:
    """Run a bench from the command line; where a stage fails, it says so in one line."""
    try:
        main()
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def say(line: str) -> None:
    """Show progress."""
    print(f"[{time.monotonic() - STARTED_AT:6.0f} s] {line}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Took:
    """What a command took: by the clock, and of the processor, which says more on a busy machine."""

    seconds: float
    cpu_seconds: float


def run(what: str, command: Sequence[str], cwd: Path, variables: Mapping[str, str], log: Path) -> Took:
    """Run a command to its end, saying now and then that it is still at it; returns what it took."""
    log.parent.mkdir(parents=True, exist_ok=True)
    begun = said = time.monotonic()
    cpu = _children_seconds()
    with log.open("wb") as out, subprocess.Popen(command, cwd=cwd, env=variables, stdout=out, stderr=out) as process:
        try:
            while process.poll() is None:
                time.sleep(0.05)
                if time.monotonic() - said > 15:
                    said = time.monotonic()
                    say(f"  {what}: {said - begun:.0f} s so far")
        finally:
            if process.poll() is None:
                process.kill()
    if process.returncode:
        raise BenchError(f"{what} failed with code {process.returncode}; the last lines of {log.relative_to(ROOT)}:\n{_tail(log)}")
    return Took(time.monotonic() - begun, _children_seconds() - cpu)


def _children_seconds() -> float:
    """Return the processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def environment(without: Iterable[str] = ()) -> dict[str, str]:
    """Return what other processes are given: both sides keep their bytecode, as they do on any machine that is used."""
    dropped = {"VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE", *without}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "RASA_TELEMETRY_ENABLED": "false", "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}


def install(folder: Path, lock: Path, *options: str) -> None:
    """Make an environment from a lock file, unless it is there."""
    stamp = folder / ".stamp"
    want = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == want:
        return
    uv = shutil.which("uv") or str(ROOT / ".venv-uv" / "bin" / "uv")
    if not Path(uv).exists():
        raise BenchError("uv is missing: run `make setup-dev` once")
    say(f"installing {lock.relative_to(ROOT)}")
    own = {**environment(), "VIRTUAL_ENV": str(folder)}
    log = WORK / f"install-{folder.name.strip('.')}.log"
    run("making the environment", [uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)], ROOT, own, log)
    run("installing", [uv, "pip", "sync", "-q", "--require-hashes", *options, str(lock)], ROOT, own, log)
    stamp.write_text(want)


def disk_mb(folder: Path, bytecode: bool = False) -> float:
    """Return what a folder takes on disk, with or without the bytecode that Python writes when it first runs."""
    files = (path for path in folder.rglob("*") if bytecode or path.suffix != ".pyc")
    return sum(path.lstat().st_blocks * 512 for path in files) / 1e6


@dataclass
class Server:
    """One server process on loopback."""

    name: str
    command: Sequence[str]
    ready_path: str
    port: int
    cwd: Path = ROOT
    variables: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the address it answers at."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """Return where it writes."""
        return WORK / f"{self.name}.log"

    def start(self) -> Took:
        """Start it and wait until it is ready; returns what that took."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        begun = time.monotonic()
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(self.command, cwd=self.cwd, env=self.variables, stdout=out, stderr=out)
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() - begun > START_SECONDS:
                self.stop()
                raise BenchError(f"{self.name} did not start; the last lines of {self.log.relative_to(ROOT)}:\n{_tail(self.log)}")
            time.sleep(0.02)
        return Took(time.monotonic() - begun, self.cpu_seconds())

    def ready(self) -> bool:
        """Tell whether it says that it is ready."""
        try:
            with urllib.request.urlopen(self.url + self.ready_path, timeout=5) as response:
                return bool(response.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def memory_mb(self) -> float:
        """Return its resident memory, with that of its children."""
        return sum(one.memory_info().rss for one in self._family()) / 1e6

    def cpu_seconds(self) -> float:
        """Return the processor time it has taken so far."""
        return sum(sum(one.cpu_times()[:2]) for one in self._family())

    def stop(self) -> None:
        """Stop it, whatever it is doing."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _family(self) -> list[psutil.Process]:
        assert self.process is not None
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]


@contextlib.contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Run a server for a while."""
    server.start()
    try:
        yield server
    finally:
        server.stop()


def allow_many_files() -> None:
    """Let this process and those that it starts hold as many connections as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def end_properly() -> None:
    """Stop what was started also when this process is asked to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": _commit(),
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    return git("rev-parse", "--short=12", "HEAD") + (" with changes" if git("status", "--porcelain", "--", ".", ":!bench") else "")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-15:])
