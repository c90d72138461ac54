"""A request that the service answers with an error.

An exception, since whatever an operation is made of may find the reason; the fake makes an answer of it.
"""

from __future__ import annotations


class Refused(Exception):
    """Raised where the reason is found, made a response where the operation is answered."""

    def __init__(self, code: str, message: str, **members: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.members = {"Message": message, **members}
