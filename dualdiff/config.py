"""``show_config``: what dualdiff found on this machine, for reports and for questions."""

from __future__ import annotations

import os

import numpy as np

from .calls.threads import VARIABLE, number_of_threads

__version__ = "0.1.0"


def show_config() -> None:
    """Print the versions, the vector library, the number of threads and the cache that dualdiff uses.

    It loads Numba.

    Raises ValueError or OSError where an environment variable of dualdiff's says what cannot be.
    """
    import platform

    import llvmlite
    import llvmlite.binding as llvm
    import numba

    from .compiled.llvm import cache, vector_libraries
    from .compiled.llvm.vectormath import LIBRARY, ULP

    if LIBRARY is None:
        off = not vector_libraries.is_on()
        vectors = f"none ({vector_libraries.VARIABLE}=0)" if off else "none found: batches call the scalar functions"
    else:
        found = vector_libraries.found_library()
        refused = sorted({v.symbol for v in found.variants} - {v.symbol for v in LIBRARY.variants}) if found else []
        functions = len({v.function for v in LIBRARY.variants})
        most = max((v.width for v in LIBRARY.variants if v.type == "double"), default=0)
        vectors = f"{LIBRARY.name}, {functions} functions of up to {most} numbers"
        if refused:
            vectors += f"; not used, since off by more than {ULP} ulp: {', '.join(refused)}"
    threads = f"{number_of_threads()} ({'' if VARIABLE in os.environ else 'one for each processor; set '}{VARIABLE})"
    rows = {
        "dualdiff": __version__,
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "Numba": numba.__version__,
        "llvmlite": f"{llvmlite.__version__} (LLVM {'.'.join(map(str, llvm.llvm_version_info))})",
        "processor": f"{platform.machine()}, {llvm.get_host_cpu_name()}",
        "vector library": vectors,
        "threads": threads,
        "cache": str(cache.directory() or f"off (set {cache.VARIABLE} to a directory)"),
    }
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:<{width}}  {value}")
