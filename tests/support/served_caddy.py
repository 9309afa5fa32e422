"""Caddy with the shipped configuration, in front of one study, at a host of its own and below a path."""

import os
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.served_study import ServedStudy, free_port, wait_until

SHIPPED = Path(__file__).parents[2] / "deploy" / "Caddyfile"
ANY_CERTIFICATE = ssl._create_unverified_context()


def find_caddy() -> str:
    """Debian's caddy; `.ci/run` installs it."""
    found = shutil.which("caddy")
    assert found is not None, "the tests of the shipped Caddyfile need caddy: apt-get install caddy"
    return found


class ServedCaddy:
    """The file as it is shipped, with the lines that serve below /study taken out of their comment."""

    def __init__(self, served: ServedStudy, folder: Path) -> None:
        port, analyst_port = free_port(), free_port()
        self.url, self.analyst_url = f"https://localhost:{port}", f"https://localhost:{analyst_port}"
        shipped = SHIPPED.read_text()
        lines = [line.replace("\t#   ", "\t") for line in shipped.splitlines()]
        changed = "\n".join(lines).replace("127.0.0.1:8502", f"127.0.0.1:{served.analyst_port}") + "\n"
        assert changed.count("handle_path /study/*") == shipped.count("#   handle_path /study/*") == 1
        (folder / "Caddyfile").write_text(changed)
        environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "STUDY_HOST": self.url,
            "ANALYST_HOST": self.analyst_url,
            "STUDY_REPLICAS": f"127.0.0.1:{served.port}",
            "HTTP_PORT": str(free_port()),
        }
        command = [find_caddy(), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
        self.log_path = folder / "caddy.log"
        with self.log_path.open("w") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        wait_until(lambda: self.status(self.url + "/ready") == 200, "caddy")

    def status(self, url: str) -> int:
        """How a GET is answered; 0 where nothing answers."""
        try:
            with urllib.request.urlopen(url, timeout=5, context=ANY_CERTIFICATE) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def stop(self) -> None:
        """End Caddy."""
        self.process.terminate()
        self.process.wait(timeout=20)
