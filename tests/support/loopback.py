"""A real server on loopback that answers with bytes written by hand, and the ways in which none answers."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator


class Server:
    """Where it is, and how many requests it has read."""

    def __init__(self, port: int) -> None:
        self.url, self.requests = f"http://127.0.0.1:{port}", 0


@contextlib.contextmanager
def serving(answer: bytes) -> Iterator[Server]:
    """Answers each request with these bytes, and closes the connection; none just closes it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requests += 1
            self.wfile.write(answer)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the terminal."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Server(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def refusing() -> Iterator[Server]:
    """Nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield Server(port)


@contextlib.contextmanager
def silent() -> Iterator[Server]:
    """A connection comes about, and nothing after it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Server(listener.getsockname()[1])


@contextlib.contextmanager
def full() -> Iterator[Server]:
    """No connection comes about: the backlog of the listener is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield Server(listener.getsockname()[1])
