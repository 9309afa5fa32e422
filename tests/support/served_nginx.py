"""nginx with the shipped example configuration, in front of replicas on other ports."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.support.served_study import answers, free_port, wait_until

EXAMPLE = Path(__file__).parents[2] / "deploy" / "nginx.conf"


def find_nginx() -> str:
    """Debian's nginx; `.ci/run` installs it."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert found is not None, "the tests of the load balancer need nginx: apt-get install nginx"
    return found


class ServedNginx:
    """The example as it is shipped, but for its ports and for where it writes."""

    def __init__(self, replica_ports: tuple[int, int]) -> None:
        # nginx's workers are another user and must reach what they keep; a test's own folder is closed to them.
        self.folder = folder = Path(tempfile.mkdtemp(prefix="nginx_", dir="/tmp"))
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        folder.chmod(0o755)
        example = EXAMPLE.read_text()
        ports = dict(zip(("8501", "8511", "8500"), (*replica_ports, self.port), strict=True))
        changed, n_changed = re.subn(
            r"127\.0\.0\.1:(8501|8511|8500)", lambda found: f"127.0.0.1:{ports[found[1]]}", example
        )
        assert n_changed == 3, "the example names other ports than this test knows"
        (folder / "nginx.conf").write_text(changed)
        command = [find_nginx(), "-p", str(folder), "-c", "nginx.conf", "-g", "daemon off;"]
        self.error_path = folder / "error.log"
        with self.error_path.open("w") as errors:
            self.process = subprocess.Popen(command, stderr=errors, stdout=errors)
        wait_until(lambda: answers(self.url + "/ready"), "nginx")

    def logs(self) -> str:
        """Everything that nginx wrote."""
        return self.error_path.read_text() + (self.folder / "access.log").read_text()

    def stop(self) -> None:
        """End nginx and its workers, and remove what they wrote."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)
        shutil.rmtree(self.folder)
