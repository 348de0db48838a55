"""The command line and its reader of formulas."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

from dualdiff import Dual
from dualdiff.__main__ import main
from dualdiff.expression import FUNCTIONS, Expression, ExpressionError

EXAMPLE = ["log(x1) + x1*x2 - sin(x2)", "x1=2", "x2=5"]


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The lines that the command prints; nothing must be on stderr."""
    main(arguments)
    out, err = capsys.readouterr()
    assert err == ""
    return out.splitlines()


# --- what it prints ---------------------------------------------------------------------------


def test_running_example(capsys):
    assert lines(capsys, *EXAMPLE) == [
        "value  11.6521",
        "d/dx1      5.5",
        "d/dx2  1.71634",
    ]


def test_second_derivatives(capsys):
    assert lines(capsys, *EXAMPLE, "--order", "2") == [
        "value         11.6521",
        "d/dx1             5.5",
        "d/dx2         1.71634",
        "d2/dx1 dx1      -0.25",
        "d2/dx1 dx2          1",
        "d2/dx2 dx2  -0.958924",
    ]


def test_digits(capsys):
    assert lines(capsys, *EXAMPLE, "--digits", "12")[0] == "value  11.6520714552"


def test_comparison_is_aligned_and_close(capsys):
    pytest.importorskip("sympy")
    value, blank, header, *rows = lines(capsys, *EXAMPLE, "--order", "2", "--compare")
    assert value.split() == ["value", "11.6521"]
    assert blank == ""
    assert header.split() == ["dualdiff", "differences", "off", "by", "symbolic", "off", "by"]
    assert {len(row) for row in rows} == {len(header)}
    for row in rows:
        exact, differences, off, symbolic, symbolically_off = map(float, re.split(r"\s{2,}", row)[1:])
        assert exact == pytest.approx(differences, rel=1e-5) == symbolic
        assert off < 1e-6
        assert symbolically_off < 1e-15


def test_comparison_without_sympy_says_how_to_get_it(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sympy", None)
    output = lines(capsys, *EXAMPLE, "--compare")
    assert "symbolic" not in output[2]
    assert output[-1] == 'for the symbolic derivative: pip install "numba-dualdiff[symbolic]"'


def test_comparison_where_sympy_has_no_number(capsys):
    pytest.importorskip("sympy")
    assert lines(capsys, "x*floor(x)", "x=2.5", "--compare")[-1].startswith("SymPy has no derivative")


@pytest.mark.parametrize(
    ("arguments", "value", "slopes"),
    [
        (["-x", "x=3"], "-3", ["-1"]),
        (["-x**2 + y", "y=1", "x=3"], "-8", ["1", "-6"]),
        (["x*--x", "x=-3"], "9", ["-6"]),
        (["sin(t)", "t=pi/2"], "1", ["6.12323e-17"]),
        (["2+3"], "5", []),
        (["e**x", "x=0"], "1", ["1"]),
        (["sin*2", "sin=4"], "8", ["2"]),
        (["\N{MICRO SIGN}*2", "\N{MICRO SIGN}=4"], "8", ["2"]),
        (["sqrt(x)", "x=0"], "0", ["inf"]),
        (["max(x, y)", "x=1", "y=1"], "1", ["0.5", "0.5"]),
        (["asin(x) + arcsin(x)", "x=0"], "0", ["2"]),
        (["7//2 + 7%4 + x", "x=0"], "6", ["1"]),
    ],
)
def test_formulas(capsys, arguments, value, slopes):
    output = [line.split()[-1] for line in lines(capsys, *arguments)]
    assert output == [value, *slopes]


def test_options_may_stand_anywhere(capsys):
    assert lines(capsys, EXAMPLE[0], "x1=2", "--order", "2", "x2=5") == lines(capsys, *EXAMPLE, "--order=2")


def test_as_a_process_without_numba():
    """What a user types, and at the speed of an interpreter: Numba is not loaded for it."""
    code = "import sys; from dualdiff.__main__ import main; main(sys.argv[1:]); print('numba' in sys.modules)"
    plain = subprocess.run([sys.executable, "-m", "dualdiff", *EXAMPLE], capture_output=True, text=True, check=True)
    watched = subprocess.run(
        [sys.executable, "-c", code, *EXAMPLE, "--order=2"], capture_output=True, text=True, check=True
    )
    assert plain.stdout.splitlines()[0] == "value  11.6521"
    assert plain.stderr == ""
    assert watched.stdout.splitlines()[-1] == "False"


# --- training -----------------------------------------------------------------------------------


def test_train(capsys, tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    file = tmp_path / "losses.png"
    output = lines(capsys, "train", "--data", "diabetes", "--optimizer", "adam", "--epochs", "100", "--plot", str(file))
    assert output[0].split() == ["epoch", "loss"]
    epochs, losses = zip(*(map(float, line.split()) for line in output[1 : output.index("")]), strict=True)
    assert (epochs[0], epochs[-1]) == (1, 100)
    assert list(losses) == sorted(losses, reverse=True)
    assert "stopped: all epochs are done" in output
    assert next(float(line.split()[1]) for line in output if line.startswith("R^2:")) > 0.51
    assert file.read_bytes().startswith(b"\x89PNG")


def test_train_in_batches_and_a_classifier(capsys):
    pytest.importorskip("sklearn")
    batches = ["train", "--batch-size", "50", "--epochs", "3", "--seed"]
    assert lines(capsys, *batches, "1") == lines(capsys, *batches, "1") != lines(capsys, *batches, "2")
    output = lines(capsys, "train", "--data", "breast-cancer", "--optimizer", "newton")
    assert "stopped: converged: the step is small" in output
    assert next(float(line.split()[1]) for line in output if line.startswith("accuracy:")) > 0.97


def test_numbers_that_run_away_are_shown_in_powers_of_ten(capsys):
    pytest.importorskip("sklearn")
    output = lines(capsys, "train", "--optimizer", "gradient-descent", "--learning-rate", "1e9", "--epochs", "50")
    assert any("not finite in epoch" in line for line in output)
    assert max(len(line) for line in output if not line.startswith("stopped")) < 30


def test_race(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    file = tmp_path / "paths.png"
    head, blank, header, *rows = lines(capsys, "race", "beale", "--steps", "50", "--plot", str(file))
    assert head.startswith("beale from (1, 1), at most 50 steps")
    assert (blank, header.split()) == ("", ["optimizer", "steps", "value", "distance"])
    assert len(rows) == 7
    assert {len(row) for row in rows} == {len(header)}
    assert file.read_bytes().startswith(b"\x89PNG")


TRAINING_MISTAKES = [
    (["train", "--data", "iris"], "argument --data: invalid choice"),
    (["train", "--optimizer", "sgd"], "argument --optimizer: invalid choice"),
    (["train", "--epochs", "0"], "epochs must be an integer, at least 1"),
    (["train", "--learning-rate", "-1"], "learning_rate must be positive"),
    (["train", "--optimizer", "levenberg-marquardt", "--learning-rate", "1"], "leave --learning-rate out"),
    (["train", "--optimizer", "newton", "--batch-size", "10"], "Newton takes the whole set"),
    (["train", "--data", "breast-cancer", "--optimizer", "gauss-newton"], "take newton"),
    (["train", "--plot", "nowhere/picture.png"], "nowhere/picture.png"),
    (["train", "--plot", ""], "as in picture.png: '' has none"),
    (["race", "--steps", "1", "--plot", "rosenbrock"], "as in picture.png: 'rosenbrock' has none"),
    (["race", "ackley"], "argument function: invalid choice"),
    (["race", "--steps", "0"], "steps must be an integer, at least 1"),
]


@pytest.mark.parametrize(("arguments", "message"), TRAINING_MISTAKES, ids=[" ".join(a) for a, _ in TRAINING_MISTAKES])
def test_mistakes_in_training_get_one_line_and_status_2(capsys, arguments, message):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    out, err = capsys.readouterr()
    assert (leaving.value.code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"python -m dualdiff {arguments[0]}: ")
    assert message in err


@pytest.mark.parametrize(
    ("package", "extra", "arguments"), [("sklearn", "examples", ["train"]), ("matplotlib", "plot", ["race", "--plot"])]
)
def test_a_missing_package_is_named_with_its_extra(capsys, monkeypatch, package, extra, arguments):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SystemExit):
        main(arguments)
    assert f'pip install "numba-dualdiff[{extra}]"' in capsys.readouterr().err


# --- what it says to mistakes -----------------------------------------------------------------

MISTAKES = [
    ([], "required"),
    (["x"], "x has no value: add x=number"),
    (["x+y", "x=1"], "y has no value"),
    (["x", "x=1", "y=2"], "y is not a variable of x"),
    (["pi*x", "x=1", "pi=3"], "pi is not a variable"),
    (["x", "x=one"], "one is not a number"),
    (["x", "x="], "x=: nothing is not a number"),
    (["x", "x=1/0"], "1/0 is not a number"),
    (["x", "x=nan"], "nan is not a number"),
    (["x", "x=1e999"], "1e999 is not a number"),
    (["x", "x"], "x is not of the form name=number"),
    (["x", "2x=1"], "2x=1 is not of the form name=number"),
    (["x", "x=1", "x=2"], "x is given twice"),
    (["sine(x)", "x=1"], "sine is not a function that dualdiff knows; did you mean sin?"),
    (["atan2(x)", "x=1"], "atan2 takes 2 arguments, not 1"),
    (["sin(x", "x=1"], "cannot read sin(x"),
    (["x y", "x=1"], "cannot read x y"),
    (["x +", "x=1"], "cannot read x +: invalid syntax, it breaks off"),
    (["2x", "x=1"], "cannot read 2x"),
    (["", "x=1"], "the expression is empty"),
    (["x^2", "x=1"], "^ is not a power in Python: write x**2"),
    (["np.sin(x)", "x=1"], "write sin for np.sin(x)"),
    (["log(x)", "x=-1"], "log(x) has no value here: invalid value"),
    (["log(x)", "x=0"], "log(x) has no value here: divide by zero"),
    (["1/(x-2)", "x=2"], "1/(x-2) has no value here: divide by zero"),
    (["exp(x)", "x=1000"], "exp(x) has no value here: overflow"),
    (["1e999*x", "x=1"], "1e999 is too large"),
    (["9" * 400 + "*x", "x=1"], "is too large for a number"),
    (["9**9**9", "x=1"], "x is not a variable"),
    (["9**9**9"], "9**9**9 has no value here: overflow"),
    (["(" * 1900 + "x" + ")" * 1900, "x=1"], "nested too deeply"),
    (["(" * 10000 + "x" + ")" * 10000, "x=1"], "too long"),
    (["1" + "-" * 3000 + "x", "x=1"], "nested too deeply"),
    (["x" + "**x" * 1000, "x=1"], "nested too deeply"),
    (["+".join(["x"] * 1000), "x=1"], "nested too deeply"),
    (["x", "x=1", "--order", "3"], "--order"),
    (["x", "x=1", "--digits", "18"], "--digits"),
    (["x", "x=1", "--ordre", "2"], "--ordre"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=[message for _, message in MISTAKES])
def test_mistakes_get_one_line_and_status_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    out, err = capsys.readouterr()
    assert leaving.value.code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("python -m dualdiff: ")
    assert message in err
    assert len(err) < 250


FORBIDDEN = [
    "__import__('os')", "().__class__", "x.real", "x[0]", "[x]", "(x, x)", "{x: x}", "'a'", "b'a'", "f'{x}'",
    "True", "None", "2j", "x < 2", "x and x", "not x", "~x", "x @ x", "x << 2", "x if x else 2", "lambda: 3",
    "(y := 3)", "[x for x in x]", "sin(*x)", "sin(x=2)", "sin(x)(2)", "2(x)", "await x", "yield", "x; x", "x\nx",
    "x = 2", "open(x)", "eval(x)", "print(x)",
]  # fmt: skip


@pytest.mark.parametrize("text", FORBIDDEN)
def test_nothing_but_formulas_is_read(text):
    with pytest.raises(ExpressionError) as refusal:
        Expression(text)
    assert "\n" not in str(refusal.value)


# --- the reader itself ------------------------------------------------------------------------


def test_a_formula_runs_on_floats_arrays_and_duals():
    f = Expression(EXAMPLE[0])
    assert f.names == ("x1", "x2")
    assert f(x1=2.0, x2=5.0) == pytest.approx(11.652071455223084, abs=1e-15)
    np.testing.assert_allclose(f(x1=np.array([2.0, 2.0]), x2=5.0), 11.652071455223084)
    y = f(x1=Dual(2.0, (1.0, 0.0)), x2=Dual(5.0, (0.0, 1.0)))
    np.testing.assert_allclose([y.value, *y.tangents], [11.652071455223084, 5.5, 2 - np.cos(5)])


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_can_be_called(name):
    arity = FUNCTIONS[name].nin
    variables = ["x", "y", "z"][:arity]
    f = Expression(f"{name}({', '.join(variables)})")
    values = {"x": 1.25 if name in ("arccosh", "acosh") else 0.25, "y": 0.5, "z": 0.75}
    assert np.isfinite(f(**{v: values[v] for v in variables}))
