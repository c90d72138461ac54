"""Attributes that are replaced for a while, and put back without harm to others who replaced them, too."""

from __future__ import annotations

import sys
import sysconfig
import weakref
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping

    Function = Callable[..., Any]


_replacements: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


class Patch:
    """A method, or another attribute, that is replaced until ``undo``.

    Args:
        owner: A class or a module that has the attribute itself.
        name: The attribute.
        wrap: Makes the replacement, with the original as its ``__wrapped__``.
    """

    def __init__(self, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        self._owner, self._name = owner, name
        original = owner.__dict__[name]
        while original in _replacements:  # put back by a patch of others that outlived ours
            original = original.__wrapped__
        self._original = original
        self._replacement = wrap(original)
        _replacements.add(self._replacement)
        setattr(owner, name, self._replacement)

    def undo(self) -> None:
        """Put the original back."""
        # Where another tool has wrapped our method in the meantime, taking ours away would take its
        # wrapper away, too. Ours then stays beneath it, and only passes calls on.
        if self._owner.__dict__[self._name] is self._replacement:
            setattr(self._owner, self._name, self._original)


class BoundNamesPatch:
    """Functions and their replacements, in all modules but some.

    Args:
        replacements: The replacement of each function.
        spared: Packages whose modules keep what they have.
    """

    def __init__(self, replacements: Mapping[Function, Function], exempt: Container[str]) -> None:
        self._there = {id(theirs): ours for theirs, ours in replacements.items()}
        self._back = {id(ours): theirs for theirs, ours in replacements.items()}
        self._either = self._there.keys() | self._back.keys()
        self._spared = exempt
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
