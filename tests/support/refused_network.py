"""A network on which nothing can be reached."""

from __future__ import annotations


class Network:
    """What was tried on the network. Loopback is open to tests that ask for it."""

    def __init__(self) -> None:
        self.attempts: list[object] = []
        self.loopback = False

    def refuse(self, address: object) -> None:
        if not (self.loopback and isinstance(address, tuple) and address[0] == "127.0.0.1"):
            self.attempts.append(address)
            raise ConnectionRefusedError(f"the tests have no network: {address}")
