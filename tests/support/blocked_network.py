"""A network that refuses every connection and name lookup."""

from __future__ import annotations


class BlockedNetwork:
    """Record each attempt and refuse it; tests may allow connections to 127.0.0.1."""

    def __init__(self) -> None:
        self.attempts: list[object] = []
        self.loopback_allowed = False

    def refuse(self, address: object) -> None:
        if not (self.loopback_allowed and isinstance(address, tuple) and address[0] == "127.0.0.1"):
            self.attempts.append(address)
            raise ConnectionRefusedError(f"the tests have no network: {address}")
