"""Functions that modules have bound to names of their own, as ``from time import sleep`` does.

Replacing an attribute of ``time`` does not reach them. They are found in ``sys.modules``, ``time`` itself
among them. What was found is remembered for each module, since there are many and they hardly change.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping

    Function = Callable[..., Any]


class Rebinding:
    """Functions and their replacements, in all modules but some.

    Args:
        replacements: The replacement of each function.
        spared: Packages whose modules keep what they have.
    """

    def __init__(self, replacements: Mapping[Function, Function], spared: Container[str]) -> None:
        self._there = {id(theirs): ours for theirs, ours in replacements.items()}
        self._back = {id(ours): theirs for theirs, ours in replacements.items()}
        self._spared = spared
        # By the id of a module's namespace: its length then, and its names for one of the functions.
        self._known: dict[int, tuple[int, list[str]]] = {}

    def do(self) -> None:
        """Put the replacements in place, in every module that is loaded."""
        self._rebind(self._there)

    def undo(self) -> None:
        """Put the functions back, also in modules that were loaded meanwhile."""
        self._rebind(self._back)

    def _rebind(self, other: Mapping[int, Function]) -> None:
        for namespace in self._namespaces():
            for name in self._names(namespace):
                found = id(namespace.get(name))
                if found in other:
                    namespace[name] = other[found]

    def _namespaces(self) -> Iterator[dict[str, Any]]:
        for name, module in list(sys.modules.items()):
            namespace = getattr(module, "__dict__", None)
            if isinstance(namespace, dict) and name.partition(".")[0] not in self._spared:
                yield namespace

    def _names(self, namespace: dict[str, Any]) -> list[str]:
        length, names = self._known.get(id(namespace), (-1, []))
        if length != len(namespace):
            either = self._there.keys() | self._back.keys()
            names = [name for name, value in list(namespace.items()) if id(value) in either]
            self._known[id(namespace)] = len(namespace), names
        return names
