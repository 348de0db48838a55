"""What is made for a function is kept by the function, and is garbage when that is."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

_Made = TypeVar("_Made", bound=Callable[..., Any])

_NAME = "_dualdiff_kept"


def kept_by_first(make: _Made) -> _Made:
    """Like ``functools.cache``, for a function whose first argument is one, which keeps the results.

    A cache of one's own would keep all functions that were ever differentiated: results refer to them. An object
    without attributes keeps nothing.
    """

    @functools.wraps(make)
    def made(owner: Any, *args: Any, **options: Any) -> Any:
        store = _store_of(owner)
        asked = (make, args, tuple(options.items()))
        if asked not in store:
            store[asked] = make(owner, *args, **options)
        return store[asked]

    return made  # type: ignore[return-value]


class _Store(dict[Any, Any]):
    """What one object keeps. Copies of it, and what comes from a pickle, are empty: they are another's."""

    def __init__(self, owner: Any = None) -> None:
        super().__init__()
        self.owner = None if owner is None else weakref.ref(owner)

    def __reduce__(self) -> Any:
        return _Store, ()

    def is_of(self, owner: Any) -> bool:
        return self.owner is not None and self.owner() is owner


def _store_of(owner: Any) -> _Store:
    attributes = getattr(owner, "__dict__", None)
    if attributes is None:
        return _Store()
    if _NAME not in attributes or not attributes[_NAME].is_of(owner):  # functools.wraps copies attributes
        attributes[_NAME] = _Store(owner)
    store: _Store = attributes[_NAME]
    return store
