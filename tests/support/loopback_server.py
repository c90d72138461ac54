"""Real sockets on 127.0.0.1: a server with a fixed response, and servers that fail to respond."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator


class Server:
    """The URL of a server and the number of requests it has read."""

    def __init__(self, port: int) -> None:
        self.url, self.requests = f"http://127.0.0.1:{port}", 0


@contextlib.contextmanager
def responding(response: bytes) -> Iterator[Server]:
    """Send these bytes to each request and close the connection."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            started.requests += 1
            self.wfile.write(response)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        started = Server(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield started
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def refusing() -> Iterator[Server]:
    """Give the URL of a port on which no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield Server(port)


@contextlib.contextmanager
def silent() -> Iterator[Server]:
    """Accept connections and never respond."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Server(listener.getsockname()[1])


@contextlib.contextmanager
def backlogged() -> Iterator[Server]:
    """Let connections time out: the listener's backlog is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield Server(listener.getsockname()[1])
