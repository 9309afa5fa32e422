"""Serves a study as users serve it: by the command, in a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from human_study.analysts.door import SIGNED_IN_S, signed_until
from human_study.analysts.key import ANALYST_KEY_VARIABLE

PATIENCE_S = 180  # where training runs beside the tests, a server may need minutes to start
ANALYST_KEY = "the-key-with-which-the-tests-enter-0123456789"


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> float:
    """Wait for `condition`; returns the seconds it took, fails with `what` when patience ends."""
    start = time.monotonic()
    while time.monotonic() - start < patience_s:
        if condition():
            return time.monotonic() - start
        time.sleep(0.05)
    pytest.fail(f"waited {patience_s} s in vain for {what}")


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def analyst_cookie(port: int, key: str = ANALYST_KEY, lasts_s: float = SIGNED_IN_S) -> str:
    """The Cookie header of somebody who has entered the analyst app on that port."""
    return f"countenance_analyst_{port}={signed_until(time.time() + lasts_s, key)}"


class ServedStudy:
    """A study file served by `human-study serve` in its own process, which can be stopped and started again."""

    def __init__(self, study_path: Path, *arguments: str, **environment: str) -> None:
        """`arguments` are added to the command, `environment` to its environment."""
        self.study_path = study_path
        self.arguments, self.environment = arguments, environment
        self.port, self.analyst_port = free_port(), free_port()
        self.url = f"http://localhost:{self.port}"
        self.analyst_url = f"http://127.0.0.1:{self.analyst_port}"
        self.database_url = f"sqlite:///{study_path.parent / 'study.db'}"
        self.process: subprocess.Popen[bytes] | None = None
        self.log_path = study_path.parent / f"serve_{self.port}.log"
        self.start_s = self.start_cpu_s = 0.0

    def start(self, stdout: int | None = None) -> None:
        """Start serving and wait for the readiness route. `stdout` stands in for the log, where one is given.

        `start_s` says how long that took, `start_cpu_s` for how much of it the process had a processor.
        """
        self.wait_until_ports_are_free()
        command = [str(Path(sys.executable).with_name("human-study")), "serve", str(self.study_path)]
        ports = ["--port", str(self.port), "--analyst-port", str(self.analyst_port)]
        with self.log_path.open("a") as log:
            self.process = subprocess.Popen(
                [*command, *ports, *self.arguments],
                stdout=log if stdout is None else stdout,
                stderr=subprocess.STDOUT,
                env={**os.environ, ANALYST_KEY_VARIABLE: ANALYST_KEY, **self.environment},
            )
        self.start_s = wait_until(lambda: answers(self.url + "/ready"), "the readiness route")
        times = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
        self.start_cpu_s = sum(map(int, times)) / os.sysconf("SC_CLK_TCK")

    def wait_until_ports_are_free(self) -> None:
        """Wait until neither app listens any more."""
        wait_until(self._ports_are_free, "the ports of the server before")

    def _ports_are_free(self) -> bool:
        for port in (self.port, self.analyst_port):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return False
        return True

    def stop(self, signal_number: int = signal.SIGTERM) -> None:
        """End the server by its id."""
        if self.process is not None:
            self.process.send_signal(signal_number)
            self.process.wait(timeout=PATIENCE_S)
            self.process = None

    def holds(self, library: str) -> bool:
        """Whether the participant process has mapped a file with this in its name."""
        assert self.process is not None, "not serving"
        return library in Path(f"/proc/{self.process.pid}/maps").read_text()

    def children(self) -> list[int]:
        """Ids of the processes that the served one started."""
        assert self.process is not None, "not serving"
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(child) for child in listed.split()]

    def log(self) -> str:
        """Everything that the server printed."""
        return self.log_path.read_text()
