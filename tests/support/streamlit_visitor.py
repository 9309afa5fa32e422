"""A browser's part in Streamlit's protocol: opens the page's websocket and waits until the page is drawn."""

from __future__ import annotations

import re
from types import TracebackType
from typing import Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from tests.support.http_load import Connection

_ASSET = re.compile(rb'(?:src|href)="\./(static/(?:js|css)/[^"]+)"')


async def load_page(connection: Connection) -> None:
    """Read the page and the scripts and styles that it names, as a browser with an empty cache does."""
    page = await connection.request("GET", "/")
    assert page.status == 200, f"status {page.status}"
    assets = set(_ASSET.findall(page.body))
    assert assets, "the page names no scripts"
    for path in assets:
        asset = await connection.request("GET", "/" + path.decode(), coding="gzip")
        assert asset.status == 200, f"{path!r}: status {asset.status}"


class OpenPage:
    """A page whose websocket is open, drawn once."""

    def __init__(self, port: int, cookie: str) -> None:
        self.url = f"ws://127.0.0.1:{port}/_stcore/stream"
        self.cookie = cookie
        self.socket: ClientConnection | None = None

    async def __aenter__(self) -> Self:
        self.socket = await connect(
            self.url,
            additional_headers={"Cookie": self.cookie},
            subprotocols=["streamlit"],  # type: ignore[list-item]
            max_size=None,
            open_timeout=60,
            proxy=None,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.socket is not None:
            await self.socket.close()

    async def draw(self) -> bytes:
        """Ask for the page and wait until its script has run; returns everything that was sent for it."""
        assert self.socket is not None, "not connected"
        request = BackMsg()
        request.rerun_script.query_string = ""
        await self.socket.send(request.SerializeToString())
        received = b""
        while True:
            data = await self.socket.recv(decode=False)
            received += data
            message = ForwardMsg.FromString(data)
            if message.WhichOneof("type") == "script_finished":
                status = message.script_finished
                assert status == ForwardMsg.FINISHED_SUCCESSFULLY, f"the script ended with {status}"
                return received
