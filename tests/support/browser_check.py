"""What the welcome page's script does before anybody can begin, without a browser."""

import json

from websockets.sync.client import connect

CHECK_COOKIE = "countenance_check_tiny_study=1"


def proven_entry(port: int, cookie: str = CHECK_COOKIE) -> str:
    """The entry that a browser gets which keeps the welcome page's cookie."""
    url = f"ws://127.0.0.1:{port}/api/browser-check"
    with connect(url, additional_headers={"Cookie": cookie}, proxy=None) as socket:
        socket.send("hello")
        return str(json.loads(socket.recv())["entry"])
