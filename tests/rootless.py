"""A rootless Podman of the tests' own: its service, its user, its accounts, all seen by it alone.

The user exists, and has a range of numbers for containers, in a mount namespace of the service's
and its clients' own: nothing on the machine is changed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from .conftest import REPOSITORY

UID = 40_000 + os.getpid() % 20_000
"""Nobody's: whatever has it when all is over is ours to end."""
FIRST_SUBORDINATE = 4_242_000
NEEDED = ("podman", "runc", "newuidmap", "newgidmap", "setpriv", "unshare")
CONTAINERS_CONF = """
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
"""
START_SECONDS, STOP_SECONDS = 30.0, 30.0
# Accounts over the machine's own; our package where the user may read it.
_ENTER = """
set -e
mount --make-rprivate / && mount --make-rshared /
for name in passwd group; do mount --bind "$0/$name" /etc/$name; done
for name in subuid subgid; do touch -a /etc/$name; mount --bind "$0/subordinate" /etc/$name; done
mount --bind "$REPOSITORY" "$0/repository"
mount --bind "$PACKAGES" "$0/packages"
cd /
exec setpriv --reuid="$NUMBER" --regid="$NUMBER" --clear-groups env -i PATH="$PATH" HOME="$0/home" \
  XDG_RUNTIME_DIR="$0/run" CONTAINERS_CONF="$0/containers.conf" \
  PYTHONPATH="$0/repository:$0/packages" "$@"
"""


def missing() -> str | None:
    """Say why it cannot be started here; None if nothing is missing."""
    if os.getuid() != 0:
        return "only root can become a user of the tests' own"
    absent = [name for name in NEEDED if not shutil.which(name)]
    return f"there is no {', '.join(absent)}" if absent else None


class RootlessPodman:
    """A user with a service of Podman at the usual place below XDG_RUNTIME_DIR."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "run/podman/podman.sock"
        self._service: subprocess.Popen[bytes] | None = None
        for name in ("home", "run/podman", "repository", "packages"):
            (folder / name).mkdir(parents=True)
        (folder / "containers.conf").write_text(CONTAINERS_CONF)
        (folder / "subordinate").write_text(f"tester:{FIRST_SUBORDINATE}:65536\n")
        for name, line in (
            ("passwd", f"tester:x:{UID}:{UID}::{folder}/home:/bin/sh\n"),
            ("group", f"tester:x:{UID}:\n"),
        ):
            (folder / name).write_text(Path("/etc", name).read_text(encoding="utf-8") + line)
        folder.chmod(0o755)
        for path in (folder / "home", folder / "run", folder / "run/podman"):
            os.chown(path, UID, UID)
        (folder / "run").chmod(0o700)

    def command(self, *words: str) -> Sequence[str]:
        """Give what runs a command as the user."""
        return ["unshare", "--mount", "sh", "-c", _ENTER, str(self.folder), *words]

    @property
    def environment(self) -> dict[str, str]:
        """What a command of ours needs to know."""
        packages = sysconfig.get_path("purelib")
        ours = {"REPOSITORY": str(REPOSITORY), "PACKAGES": packages, "NUMBER": str(UID)}
        return {**os.environ, **ours}

    def start(self) -> None:
        """Start the service and wait until it answers."""
        command = self.command("podman", "system", "service", "--time=0", f"unix://{self.socket}")
        with (self.folder / "log").open("ab") as log:
            self._service = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._service.poll() is None, self.words
            assert time.monotonic() < until, self.words
            time.sleep(0.05)

    @property
    def words(self) -> str:
        """The last of what it said."""
        return (self.folder / "log").read_text(errors="replace")[-1000:]

    def run(self, *words: str, seconds: float = 100.0) -> subprocess.CompletedProcess[str]:
        """Run a command as the user."""
        return subprocess.run(
            self.command(*words),
            capture_output=True,
            check=False,
            text=True,
            env=self.environment,
            timeout=seconds,
        )

    def stop(self) -> None:
        """End it with all that it started: its containers, and what holds its namespaces."""
        self.run("podman", "rm", "--all", "--force", "--time", "0", seconds=STOP_SECONDS)
        if self._service is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._service.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._service.wait(STOP_SECONDS)
        for pid in self._of_the_user():  # nobody else has this number
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _of_the_user(self) -> list[int]:
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == UID:
                    found.append(int(name))
        return found

    def has_groups(self) -> bool:
        """Whether control groups were delegated to the user."""
        said = self.run("podman", "info", "--format", "{{.Host.CgroupControllers}}").stdout
        return "memory" in said and "pids" in said

    def _answers(self) -> bool:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(self.socket))
            client.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
            return b"200" in client.recv(100)
        return False


@contextmanager
def rootless_podman() -> Iterator[RootlessPodman]:
    """Start one; it is gone afterwards."""
    folder = Path(mkdtemp(prefix="asynccode-rootless-"))
    podman = RootlessPodman(folder)
    try:
        podman.start()
        yield podman
    finally:
        podman.stop()
        time.sleep(0.2)
        shutil.rmtree(folder, ignore_errors=True)
