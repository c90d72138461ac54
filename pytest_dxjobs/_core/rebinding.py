"""Functions that modules have bound to names of their own, as ``from time import sleep`` does.

Replacing an attribute of ``time`` does not reach them. They are found in ``sys.modules``, ``time`` itself
among them. What was found in an installed module is remembered, since there are many and they hardly
change; a test may well give a module of its own project another function.
"""

from __future__ import annotations

import sys
import sysconfig
from typing import TYPE_CHECKING, Any, Final

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
        self._either = self._there.keys() | self._back.keys()
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
        length, names = self._known.get(id(namespace), (None, []))
        if length == len(namespace):
            return names
        bound = list(namespace.items())
        names = [name for name, value in bound if id(value) in self._either]
        if str(namespace.get("__file__") or _BUILT_IN).startswith(_INSTALLED):
            self._known[id(namespace)] = len(bound), names
        return names


_BUILT_IN: Final = sysconfig.get_path("stdlib")
_INSTALLED: Final = (_BUILT_IN, *map(sysconfig.get_path, ("platstdlib", "purelib", "platlib")))
