"""Engines of a test's own, which it may kill: a dockerd, and a service of Podman."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from asynccode.backends import processes

START_SECONDS = 60.0
STOP_SECONDS = 30.0
CONTAINERS_CONF = """
[containers]
default_ulimits=["nofile=1024:1024","nproc=1000:1000"]
[engine]
runtime="runc"
"""
"""What lets Podman work on machines with both versions of control groups and low limits."""
VARIABLES = {"docker": "DOCKER_HOST", "podman": "CONTAINER_HOST"}


class PrivateEngine:
    """One engine with images and containers of its own, in a folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.socket = folder / "socket"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead a program to it."""
        return {**os.environ, VARIABLES[self.name]: f"unix://{self.socket}"}

    def start(self, *options: str) -> None:
        """Start it, once more if it was killed, and wait until it answers."""
        self.socket.unlink(missing_ok=True)
        (self.folder / "pid").unlink(missing_ok=True)
        conf = self.folder / "containers.conf"
        conf.write_text(CONTAINERS_CONF)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command(), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, "CONTAINERS_CONF": str(conf)},
                start_new_session=True,
            )
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, self.words
            assert time.monotonic() < until, self.words
            time.sleep(0.05)

    @property
    def words(self) -> str:
        """The last of what it said."""
        return (self.folder / "log").read_text(errors="replace")[-1000:]

    def kill(self) -> None:
        """Kill it outright; its containers are not asked."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it as one should, with all its containers."""
        if self._process is None:
            return
        if self._process.poll() is not None:  # only a living engine ends what it started
            self.start()
        if self.name == "podman":
            for words in (["rm", "--all", "--force", "--time", "0"], ["umount", "--all"]):
                subprocess.run(
                    [*self._podman(), *words],
                    capture_output=True,
                    check=False,
                    timeout=STOP_SECONDS,
                )
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def command(self, *words: str) -> None:
        """Let the engine's own command line do something."""
        client = self._podman() if self.name == "podman" else ["docker"]
        variables = self.environment
        if self.name == "podman":  # or it would be a client of the service
            del variables[VARIABLES["podman"]]
            variables["CONTAINERS_CONF"] = str(self.folder / "containers.conf")
        done = subprocess.run(
            [*client, *words], capture_output=True, check=False, text=True, env=variables
        )
        assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-1000:]

    def _command(self) -> Sequence[str]:
        if self.name == "podman":
            return [*self._podman(), "system", "service", "--time=0", f"unix://{self.socket}"]
        places = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
        options = [f"--{name}={self.folder / place}" for name, place in places.items()]
        network = ["--iptables=false", "--bridge=none"]
        return ["dockerd", f"--host=unix://{self.socket}", *options, *network]

    def _podman(self) -> Sequence[str]:
        places = {"root": "data", "runroot": "run", "tmpdir": "tmp"}
        return ["podman", *(f"--{name}={self.folder / place}" for name, place in places.items())]

    def containers(self) -> list[str]:
        """Give the containers that are there, running or not."""
        listed = json.loads(self._ask("/v1.41/containers/json?all=1"))
        return [str(item["Names"]) for item in listed]

    def _answers(self) -> bool:
        with suppress(OSError):
            return self._ask("/_ping").startswith(b"OK")
        return False

    def _ask(self, path: str) -> bytes:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(self.socket))
            client.sendall(f"GET {path} HTTP/1.0\r\nHost: engine\r\n\r\n".encode())
            answer = b"".join(iter(lambda: client.recv(65536), b""))
            return answer.partition(b"\r\n\r\n")[2]


@contextmanager
def private_engine(name: str, folder: Path) -> Iterator[PrivateEngine]:
    """Start an engine in a folder whose path is short (a socket's may not be long)."""
    engine = PrivateEngine(name, folder)
    try:
        engine.start()
        yield engine
    finally:
        try:
            engine.stop()
        finally:
            _end_what_is_left(folder)
        for mount in sorted(_mounts(folder), reverse=True):
            subprocess.run(["umount", "--lazy", mount], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _end_what_is_left(folder: Path) -> None:
    """Kill what watched the containers of an engine that was killed, and what is in them.

    Nobody but the engine of this folder has its name in its command.
    """
    for name in filter(str.isdigit, os.listdir("/proc")):
        if os.fsencode(folder) + b"/" in processes.command(int(name)):
            for pid in (*processes.tree(int(name)), int(name)):
                processes.send(pid, signal.SIGKILL)


def _mounts(folder: Path) -> list[str]:
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    return [line.split()[1] for line in lines if line.split()[1].startswith(f"{folder}/")]


def can_start(name: str) -> str | None:
    """Say what is missing on this machine for an engine of a test's own; None if nothing is."""
    if os.getuid() != 0:
        return "only root can start an engine"
    needed = {"docker": ("dockerd", "containerd"), "podman": ("podman", "runc")}[name]
    missing = [program for program in needed if not shutil.which(program)]
    return f"there is no {', '.join(missing)}" if missing else None
