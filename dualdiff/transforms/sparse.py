"""Sparse Jacobians, whose columns share tangents."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..calls.arguments import as_argnums, as_callable, as_chunk, as_input
from ..dual.nesting import level_of
from .colouring import Pattern, as_pattern, coloured, passes
from .dense import _is_compiled, _returning
from .interpreted import DEFAULT_CHUNK, interpreted_entries


def sparse_jacobian(
    f: Callable[..., Any],
    pattern: Any,
    argnum: int = 0,
    chunk: int | None = None,
    *,
    out_argnum: int | None = None,
    check: bool = True,
) -> SparseJacobian:
    """The Jacobian of a function of an array, where only the entries in a pattern are not zero.

    Columns that share no row of the pattern share a tangent, so the cost is that of few evaluations of f, however
    many columns there are: 3 for a tridiagonal matrix.

    Parameters
    ----------
    f : as for ``jacobian``. Arrays of more than one dimension count element by element, in C order.
    pattern : where the m x n Jacobian may have entries: a sparse matrix of SciPy's, whose stored entries count; an
        array of shape (m, n), whose non-zero entries count; or a tuple ``(rows, columns, shape)``. ``sparsity`` finds
        one.
    argnum : which argument to differentiate by.
    chunk : how many tangents travel in each pass; by default the library chooses.
    out_argnum : as for ``jacobian``.
    check : whether the first call from Python compares the product of the Jacobian and a random vector with the
        derivative along that, which costs one more evaluation of f. Where a pattern misses an entry, others are wrong.

    Returns
    -------
    A function with the parameters of f, a ``SparseJacobian``, that returns a ``scipy.sparse.csr_array``.

    Raises
    ------
    TypeError, ValueError, CompilationError : as ``jacobian`` does; the pattern is not of the shape of the Jacobian,
        or misses an entry at the first point.
    ImportError : SciPy is missing. ``data``, ``indices`` and ``indptr`` need it not.

    >>> import numpy as np
    >>> jac = sparse_jacobian(lambda x: x[1:] - x[:-1] ** 2, pattern=np.eye(2, 3) + np.eye(2, 3, 1))
    >>> jac.data(np.array([1.0, 2.0, 3.0]))
    array([-2.,  1., -4.,  1.])
    """
    return SparseJacobian(f, pattern, argnum, chunk, out_argnum, check)


class SparseJacobian:
    """What ``sparse_jacobian`` returns. Called from ``@njit`` code, its result is ``data``.

    Attributes
    ----------
    shape : that of the matrix.
    indptr, indices : the places of its entries, row by row: those of row i are in the columns
        ``indices[indptr[i]:indptr[i + 1]]``.
    colours : the colour of each column: columns of one colour share a tangent. An empty column has -1.
    """

    def __init__(self, f: Any, pattern: Any, argnum: Any, chunk: Any, out_argnum: int | None, check: bool) -> None:
        as_callable(f, "sparse_jacobian")
        self._pattern = as_pattern(pattern)
        self._request = (f, self._pattern, argnum, chunk, out_argnum, check)
        self._unchecked = check
        self.shape = self._pattern.shape
        ends = np.cumsum([0, *np.bincount(self._pattern.rows, minlength=self.shape[0])])
        # SciPy's solvers want 32 bits
        integer = np.int32 if max(*self.shape, ends[-1]) <= np.iinfo(np.int32).max else np.int64
        self.indptr, self.indices = ends.astype(integer), self._pattern.columns.astype(integer)
        self.colours = coloured(self._pattern)
        most = int(self.colours.max(initial=-1)) + 1
        self._entries, self._lanes = _entries(f, argnum, chunk, out_argnum, most)
        self._passes = passes(self._pattern, self.colours, self._lanes)
        functools.update_wrapper(self, f, updated=())

    def __reduce__(self) -> Any:
        return SparseJacobian, self._request

    def __repr__(self) -> str:
        name = getattr(self, "__name__", "a function")
        return f"<sparse jacobian of {name}, {self.shape[0]} x {self.shape[1]}, {self.indices.size} entries>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        data = self.data(*args, **kwargs)
        like = self._matrix
        matrix = object.__new__(type(like))  # a copy; SciPy's constructor takes longer than all else
        vars(matrix).update(vars(like), data=data, indices=like.indices.copy(), indptr=like.indptr.copy())
        return matrix

    def data(self, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        """The entries of the matrix, row by row; ``out`` takes an array for them."""
        if self._unchecked and level_of(args) == 0:
            self._check(args, kwargs)
        return self._entries(*self._passes, out, *args, **kwargs)

    @functools.cached_property
    def _matrix(self) -> Any:
        try:
            from scipy.sparse import csr_array
        except ImportError as error:
            raise ImportError(
                "a sparse matrix needs SciPy, the extra `scipy`; data(), indices and indptr do without"
            ) from error
        return csr_array((np.zeros(self.indices.size), self.indices, self.indptr), shape=self.shape)

    def _check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise if the pattern is seen to miss an entry: J v, from the entries, is not the derivative along v."""
        data = self._entries(*self._passes, None, *args, **kwargs)
        (m, n), (rows, columns, _) = self.shape, self._pattern
        v = np.random.default_rng(n).uniform(1, 2, n)
        every_row = Pattern(np.arange(m), np.zeros(m, dtype=np.intp), (m, 1))
        along = passes(every_row, np.zeros(1, dtype=np.intp), self._lanes)._replace(
            colours=np.zeros(n, dtype=np.intp), weights=v
        )
        expected = self._entries(*along, None, *args, **kwargs)
        product = np.bincount(rows, data * v[columns], m)
        scale = np.bincount(rows, abs(data) * v[columns], m)
        tolerance = np.sqrt(np.finfo(data.dtype).eps)
        with np.errstate(invalid="ignore"):  # where there are infinities nothing is known
            wrong = np.flatnonzero(abs(product - expected) > tolerance * (scale + abs(expected)))
        if wrong.size:
            raise ValueError(
                f"the pattern misses entries of the Jacobian, in {wrong.size} of {m} rows, row {wrong[0]} first: the "
                "derivative along a random vector is not the product with the matrix. sparsity(f)(x) finds a pattern"
            )
        self._unchecked = False

    @functools.cached_property
    def _called(self) -> Any:
        from ..compiled.transforms.sparse import with_passes

        return with_passes(self._entries, self._passes)

    @property
    def _numba_type_(self) -> Any:
        """What Numba asks for when it meets this object in ``@njit`` code."""
        if not _is_compiled(self._entries):
            raise AttributeError("a derivative of a Python function cannot be called from @njit code")
        from ..compiled.transforms.sparse import type_of_function

        return type_of_function(self._called)


def sparsity(f: Callable[..., Any], argnum: int = 0, *, out_argnum: int | None = None) -> Callable[..., Pattern]:
    """The pattern of the Jacobian of a function of an array: which results depend on which elements.

    Each element in turn gets the tangent NaN, which a result then has too if the element went into it: also where its
    derivative happens to be zero at this point, as that of x * y by x at y = 0. Not seen are what only a branch or an
    index that is not taken at this point would read, and comparisons, ``floor`` and the like, whose derivative is zero
    everywhere. The cost is that of the dense Jacobian, but not its memory.

    Parameters
    ----------
    f, argnum, out_argnum : as for ``sparse_jacobian``.

    Returns
    -------
    A function with the parameters of f that returns a pattern, a tuple ``(rows, columns, shape)``.

    Raises
    ------
    TypeError, ValueError, CompilationError : as ``jacobian`` does.

    >>> import numpy as np
    >>> sparsity(lambda x: x[1:] * x[:-1])(np.zeros(3))
    Pattern(rows=array([0, 0, 1, 1]), columns=array([0, 1, 1, 2]), shape=(2, 3))
    """
    as_callable(f, "sparsity")
    i = _one(argnum)
    value = _returning(f, out_argnum, "sparsity")
    entries, lanes = _entries(f, argnum, None, out_argnum, DEFAULT_CHUNK)

    @functools.wraps(f, updated=())
    def pattern(*args: Any, **kwargs: Any) -> Pattern:
        arguments = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
        if not -len(args) <= i < len(args):
            raise ValueError(f"sparsity wants argument number {i} by position, and got {len(args)} arguments so")
        arguments[i] = x = as_input(arguments[i], f"argument {i}")
        m, n = np.size(value(*arguments, **kwargs)), np.size(x)
        block = Pattern(np.repeat(np.arange(m), lanes), np.tile(np.arange(lanes), m), (m, lanes))
        every = passes(block, np.arange(lanes), lanes)._replace(weights=np.full(n, np.nan))
        rows, columns = [], []
        for start in range(0, n, lanes):
            data = entries(*every._replace(colours=np.arange(n) - start), None, *args, **kwargs)
            row, lane = np.divmod(np.flatnonzero(data), lanes)
            rows.append(row)
            columns.append(lane + start)
        return as_pattern((np.concatenate(rows), np.concatenate(columns), (m, n)) if rows else ([], [], (m, n)))

    return pattern


def _entries(f: Any, argnum: Any, chunk: Any, out_argnum: int | None, colours: int) -> tuple[Any, int]:
    """What computes entries of the Jacobian from passes, and how many tangents a pass has."""
    i, chunk = _one(argnum), as_chunk(chunk)
    f = _returning(f, out_argnum, "sparse_jacobian")
    if _is_compiled(f):
        from ..compiled.transforms.sparse import compiled_entries, lanes_for

        lanes = lanes_for(colours, chunk)
        return compiled_entries(f, i, lanes), lanes
    lanes = min(chunk or DEFAULT_CHUNK, max(colours, 1))
    return interpreted_entries(f, i, lanes), lanes


def _one(argnum: Any) -> int:
    """An argument number, checked."""
    i = as_argnums(argnum, "argnum")
    if isinstance(i, tuple):
        raise TypeError("a sparse Jacobian is by one argument: argnum must be an int")
    return i
