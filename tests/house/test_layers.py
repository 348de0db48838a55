"""The order of the files and the grammar of the rules, read from the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "dualdiff"

# From the ground up. A folder imports only from folders above it in this list, and a file only from files above it in
# its folder's list or from such folders. The face of a folder, its __init__.py, hands its files on.
FOLDERS: dict[str, list[str]] = {
    "rules": [
        "function",
        "special",
        "table",
        "stable",
        "scipy_special",
        "c_functions",
        "custom",
        "bessel",
        "chain",
        "array_functions",
    ],
    "dual": ["nesting", "refusals", "other_numbers", "number", "levels", "custom", "logsumexp"],
    "calls": ["trees", "threads", "arguments"],
    "compiled.llvm": [
        "releasing",
        "linking",
        "noting",
        "polynomials",
        "vector_libraries",
        "vectormath",
        "vectorising",
        "content",
        "cache",
    ],
    "compiled.dual": [
        "types",
        "layout",
        "frozen_objects",
        "freezing",
        "arithmetic",
        "elements",
        "overloads",
        "tuples",
        "boxing",
    ],
    "compiled.arrays": [
        "loops",
        "teaching",
        "reductions",
        "selection",
        "joining",
        "products",
        "statistics",
        "composed",
        "linalg",
        "ufuncs",
        "frozen",
    ],
    "compiled.pipeline": [
        "mutation",
        "cost",
        "activity",
        "new_memory",
        "typed_calls",
        "preaccumulation",
        "arithmetic",
        "promoting",
        "vectorized",
        "clone",
        "diagnostics",
    ],
    "compiled.transforms": [
        "seeding",
        "readers",
        "collecting",
        "source",
        "callback",
        "driver",
        "dense",
        "signatures",
        "gradient_into",
        "sparse",
        "custom",
    ],
    "compiled.batches": ["samples", "rows", "source", "batch", "elementwise"],
    "compiled": [],
    "arrays": [
        "kernels",
        "methods",
        "registry",
        "dual_array",
        "ufuncs",
        "linear",
        "composed",
        "linalg",
        "reductions",
        "statistics",
        "creation",
    ],
    "transforms": ["uniform", "colouring", "interpreted", "dense", "checking", "implicit", "sparse", "vmap"],
    "training": [
        "checks",
        "schedules",
        "parameters",
        "optimizers",
        "solvers",
        "least_squares",
        "epochs",
        "fit",
        "pytorch",
        "comparing",
        "race",
    ],
}

# Files that stand in no folder, each above the folders that it may import from.
FILES_ALONE = {
    "errors": "rules",
    "generated": "rules",
    "kept": "rules",
    "special": "dual",
    "compiled.numba_internals": "compiled.llvm",
    "config": "training",
    "expression": "training",
    "__init__": "training",
    "plots": "",
    "commands": "",
    "__main__": "",
}

LONGEST = 500
"""Lines of a file."""

MOST = 11
"""Files of a folder, without its face: more than about ten are two folders."""

OPTIONAL = {"scipy", "mpmath", "sympy", "matplotlib", "sklearn", "torch", "tqdm"}
SLOW = {"numba", "llvmlite", "inspect", "fractions", "concurrent", "platform"}


def floors() -> list[str]:
    """All files, from the ground up."""
    order: list[str] = []
    for folder, files in FOLDERS.items():
        order += [file for file, above in FILES_ALONE.items() if above == folder]
        order += [*(f"{folder}.{file}" for file in files), folder]
    return [*order, *(file for file, above in FILES_ALONE.items() if not above)]


FLOORS = floors()


def module_of(path: Path) -> str:
    """The name of a file of the package, as in FLOORS."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1]) if len(parts) > 1 and parts[-1] == "__init__" else ".".join(parts)


FILES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(tree: ast.AST, module: str) -> Iterator[str]:
    """The modules of the package that are imported anywhere in ``tree``, as in FLOORS."""
    package = [] if module == "__init__" else module.split(".")[: None if FILES[module].name == "__init__.py" else -1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1] + (node.module or "").split(".")
            name = ".".join(part for part in base if part)
            for alias in node.names:
                inner = f"{name}.{alias.name}".strip(".")
                yield inner if inner in FILES else name or "__init__"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "dualdiff":
            yield (node.module or "").partition(".")[2] or "__init__"
        elif isinstance(node, ast.Import):
            yield from (
                a.name.partition(".")[2] or "__init__" for a in node.names if a.name.split(".")[0] == "dualdiff"
            )


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """All functions in ``tree``, at any depth."""
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def at_module_level(tree: ast.Module) -> ast.Module:
    """The module without the bodies of its functions, and without what only type checkers read."""

    class Without(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        def visit_If(self, node: ast.If) -> ast.AST | None:
            return None if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)

    return Without().visit(tree)


def test_every_file_has_a_floor() -> None:
    assert sorted(FILES) == sorted(FLOORS)


@pytest.mark.parametrize("module", sorted(FILES))
def test_imports_go_one_way(module: str) -> None:
    # those within functions, too: so there is no circle
    below = set(FLOORS[: FLOORS.index(module)])
    assert set(imports(ast.parse(FILES[module].read_text(encoding="utf-8")), module)) <= below


@pytest.mark.parametrize("module", sorted(FILES))
def test_imports_within_functions_have_a_reason(module: str) -> None:
    # they are of optional packages, or put off loading what is slow, above all Numba
    for function in functions(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        inner = {name for node in function.body for name in imports(node, module)}
        early = {name for name in inner if not name.startswith(("compiled", "arrays", "commands", "__init__"))}
        assert not early, f"{function.name}: {early}"
        for node in ast.walk(function):
            packages = set()
            if isinstance(node, ast.Import):
                packages = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                packages = {(node.module or "").split(".")[0]}
            assert packages <= {*OPTIONAL, *SLOW}, f"{function.name}: {packages}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_says_what_it_is_for(folder: str) -> None:
    face = ast.parse(FILES[folder].read_text(encoding="utf-8"))
    told = ast.get_docstring(face) or ""
    assert "import" in told, "what it may import, and who may import it"
    known = {f"compiled.{name}" for name in ("llvm", "dual", "arrays", "pipeline", "transforms", "batches")}
    named = set(re.findall(r"``([a-z_.]+)``", told)) & {*FOLDERS, *known}
    assert named - {folder}


@pytest.mark.parametrize("folder", FOLDERS)
def test_folders_and_files_are_of_a_size_to_be_read(folder: str) -> None:
    assert len(FOLDERS[folder]) <= MOST
    for file in FOLDERS[folder]:
        lines = FILES[f"{folder}.{file}"].read_text(encoding="utf-8").count("\n")
        assert lines <= LONGEST, f"{folder}/{file}.py has {lines} lines"


PUBLIC = {"numba", "numba.extending", "llvmlite", "llvmlite.ir", "llvmlite.binding"}


@pytest.mark.parametrize("module", sorted(set(FILES) - {"compiled.numba_internals"}))
def test_what_is_private_to_numba_comes_from_one_file(module: str) -> None:
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            asked = {alias.name for alias in node.names}
        else:
            asked = {node.module or ""} if isinstance(node, ast.ImportFrom) and not node.level else set()
        assert {name for name in asked if name.partition(".")[0] in ("numba", "llvmlite")} <= PUBLIC


def test_each_private_module_of_numba_says_what_for() -> None:
    lines = FILES["compiled.numba_internals"].read_text(encoding="utf-8").splitlines()
    imported = [line for line in lines if line.startswith("from numba")]
    assert imported
    assert [line for line in imported if "  # " not in line] == []


def test_the_table_needs_numpy_alone() -> None:
    for module in ("rules.function", "rules.special", "rules.table", "rules.chain"):
        tree = at_module_level(ast.parse(FILES[module].read_text(encoding="utf-8")))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert not {a.name.split(".")[0] for a in node.names} & {"numba", "llvmlite", *OPTIONAL}
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in {"numba", "llvmlite", *OPTIONAL}


# --- the grammar of a rule ------------------------------------------------------------------

RULES_TREE = ast.parse(FILES["rules.table"].read_text(encoding="utf-8"))
CONSTANTS = {"pi", "inf", "nan", "e"}
EXPRESSIONS = (
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.Name, ast.Attribute, ast.Constant,
    ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
)  # fmt: skip


def partials() -> dict[str, ast.Lambda | ast.FunctionDef]:
    """The text of every partial derivative in the table and of the helpers that it calls."""
    found: dict[str, ast.Lambda | ast.FunctionDef] = {}
    table = {"rule", "flat", "value_only", "canonical"}
    for statement in RULES_TREE.body:
        if isinstance(statement, ast.FunctionDef) and statement.name not in table:
            found[statement.name] = statement
        elif not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            for node in ast.walk(statement):
                if isinstance(node, ast.Lambda):
                    found[f"line {node.lineno}"] = node
    return found


def names_of_the_table() -> set[str]:
    """The names that a rule may call: of ``Function``s, and of other rules' texts."""
    imported = {
        alias.asname or alias.name
        for node in RULES_TREE.body
        if isinstance(node, ast.ImportFrom) and node.module == "special"
        for alias in node.names
    }
    return imported | set(partials())


@pytest.mark.parametrize("name", sorted(partials()))
def test_rule_keeps_to_the_grammar(name: str) -> None:
    from dualdiff.rules.table import FLAT, RULES

    table = {function.__name__ for function in (*RULES, *FLAT)}
    text = partials()[name]
    body = text.body if isinstance(text, ast.FunctionDef) else [ast.Return(text.body)]
    known = {argument.arg for argument in text.args.args}
    for statement in body[:-1]:
        assert isinstance(statement, ast.Assign), ast.unparse(statement)
        assert len(statement.targets) == 1
        assert isinstance(statement.targets[0], ast.Name), ast.unparse(statement)
        _check_expression(statement.value, known, table)
        known.add(statement.targets[0].id)
    assert isinstance(body[-1], ast.Return)
    assert body[-1].value is not None
    _check_expression(body[-1].value, known, table)


def _check_expression(expression: ast.expr, known: set[str], table: set[str]) -> None:
    called = set()
    for node in ast.walk(expression):
        assert isinstance(node, EXPRESSIONS), ast.unparse(expression)
        if isinstance(node, ast.Call):
            called.add(node.func)
            assert not node.keywords
        elif isinstance(node, ast.Constant):
            assert type(node.value) in (int, float)
    for node in ast.walk(expression):
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node.value) == "np", ast.unparse(node)
            assert node.attr in (table if node in called else CONSTANTS), ast.unparse(node)
        elif isinstance(node, ast.Name) and node.id != "np":
            assert node.id in (names_of_the_table() if node in called else known), node.id
