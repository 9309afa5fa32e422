"""Where Chromium is. `python -m tests.browser.chromium` installs Debian's where it is missing and we are root."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """Path of a Chromium; the environment's COUNTENANCE_CHROMIUM comes first."""
    named = os.environ.get("COUNTENANCE_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


def main() -> int:
    """Make sure that there is one."""
    if find_chromium():
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Debian's chromium for the browser tests …")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment)
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]
        subprocess.run(install, check=True, env=environment, stdout=subprocess.DEVNULL)
        return 0
    print(
        "The browser tests need Chromium: run `sudo apt-get install chromium`, or set COUNTENANCE_CHROMIUM.",
        file=sys.stderr,
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
