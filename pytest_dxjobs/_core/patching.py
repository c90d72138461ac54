"""Temporary patches of attributes and imported names, undone without undoing patches of other tools."""

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
    """The replacement of one attribute, until ``undo``.

    Args:
        owner: A class or a module whose own ``__dict__`` has the attribute.
        name: The attribute.
        wrap: Makes the replacement, with the original as its ``__wrapped__``.
    """

    def __init__(self, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        self._owner, self._name = owner, name
        original = owner.__dict__[name]
        while original in _replacements:  # put back by another tool's patch that outlived ours
            original = original.__wrapped__
        self._original = original
        self._replacement = wrap(original)
        _replacements.add(self._replacement)
        setattr(owner, name, self._replacement)

    def undo(self) -> None:
        """Put the original back."""
        # If another tool has wrapped our replacement meanwhile, putting the original back would remove
        # its wrapper. Our replacement then stays beneath the wrapper and only passes calls on.
        if self._owner.__dict__[self._name] is self._replacement:
            setattr(self._owner, self._name, self._original)


class BoundNamesPatch:
    """The replacement of functions under every name that loaded modules have for them.

    Args:
        replacements: The replacement of each function.
        exempt: Packages whose modules keep the originals.
    """

    def __init__(self, replacements: Mapping[Function, Function], exempt: Container[str]) -> None:
        self._replacement_of = {id(old): new for old, new in replacements.items()}
        self._original_of = {id(new): old for old, new in replacements.items()}
        self._patched_ids = self._replacement_of.keys() | self._original_of.keys()
        self._function_names = {old.__name__ for old in replacements}
        self._exempt = exempt
        # By the id of a module's namespace: its length then, and its names for one of the functions.
        self._known: dict[int, tuple[int, list[str]]] = {}

    def apply(self) -> None:
        """Replace the functions in every module that is loaded."""
        self._rebind(self._replacement_of)

    def undo(self) -> None:
        """Put the functions back, also in modules that were loaded meanwhile."""
        self._rebind(self._original_of)

    def _rebind(self, targets: Mapping[int, Function]) -> None:
        for namespace in self._namespaces():
            for name in self._names(namespace):
                found = id(namespace.get(name))
                if found in targets:
                    namespace[name] = targets[found]

    def _namespaces(self) -> Iterator[dict[str, Any]]:
        for name, module in list(sys.modules.items()):
            namespace = getattr(module, "__dict__", None)
            if isinstance(namespace, dict) and name.partition(".")[0] not in self._exempt:
                yield namespace

    def _names(self, namespace: dict[str, Any]) -> list[str]:
        length, names = self._known.get(id(namespace), (None, []))
        if length == len(namespace):
            return names
        bindings = list(namespace.items())
        names = [name for name, value in bindings if id(value) in self._patched_ids]
        # A suite may have patched time.sleep itself, and will put it back.
        may_change = any(name in namespace and name not in names for name in self._function_names)
        if not may_change and str(namespace.get("__file__") or _STDLIB).startswith(_INSTALLED):
            self._known[id(namespace)] = len(bindings), names
        return names


_STDLIB: Final = sysconfig.get_path("stdlib")
_INSTALLED: Final = (_STDLIB, *map(sysconfig.get_path, ("platstdlib", "purelib", "platlib")))
