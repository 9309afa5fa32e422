"""A pgbouncer of a test's own in transaction mode, before a PostgreSQL of the test's own; on loopback only."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.support.own_postgres import OwnPostgres
from tests.support.served_study import free_port, wait_until


def find_pgbouncer() -> str | None:
    """Debian's pgbouncer."""
    return shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")


class OwnPgbouncer:
    """Hands two connections of the server to whoever has a transaction; `url` leads through it."""

    def __init__(self, postgres: OwnPostgres) -> None:
        program = find_pgbouncer()
        assert program is not None, "these tests need Debian's pgbouncer: apt-get install pgbouncer"
        self.port = free_port()
        self.url = f"postgresql://countenance@127.0.0.1:{self.port}/postgres"
        self.folder = Path(tempfile.mkdtemp(prefix="pgbouncer_"))
        (self.folder / "users").write_text('"countenance" ""\n')
        (self.folder / "ini").write_text(
            "[databases]\n"
            f"postgres = host=127.0.0.1 port={postgres.port}\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {self.folder / 'users'}\n"
            "pool_mode = transaction\ndefault_pool_size = 2\n"
        )
        self.folder.chmod(0o755)
        user = ["-u", "postgres"] if os.geteuid() == 0 else []  # it refuses to run as root
        self._command = [program, "-q", *user, str(self.folder / "ini")]
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._process = subprocess.Popen(self._command)
        wait_until(self._answers, "pgbouncer to listen")

    def stop(self) -> None:
        """Kill it, as a crash would."""
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def remove(self) -> None:
        """Stop it for good, and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder)
