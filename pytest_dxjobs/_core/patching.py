"""Attributes that are replaced for a while, and put back without harm to others who replaced them, too."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

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
