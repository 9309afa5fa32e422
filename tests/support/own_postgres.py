"""A PostgreSQL server of a test's own, which can be stopped and started again; it listens on loopback only."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support.served_study import free_port


def find_postgres() -> Path | None:
    """The folder of the newest server's programs, as Debian installs them."""
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


class OwnPostgres:
    """A new, empty server. Its database is `postgres`, its user `countenance`, without a password."""

    def __init__(self) -> None:
        programs = find_postgres()
        assert programs is not None, "these tests need Debian's postgresql: apt-get install postgresql"
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="postgres_"))
        if os.geteuid() == 0:  # initdb refuses to run as root
            shutil.chown(self.folder, "postgres")
        self.port = free_port()
        self.url = f"postgresql+psycopg://countenance@127.0.0.1:{self.port}/postgres"
        self._run("initdb", "-U", "countenance", "-A", "trust")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), "-D", str(self.folder / "data"), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-s", "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """Stop it at once, as a crash would."""
        self._run("pg_ctl", "-s", "-w", "-m", "immediate", "stop")

    def remove(self) -> None:
        """Stop it for good, and delete its folder."""
        if (self.folder / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder)
