#!/usr/bin/env bash
# SciPy 1.17.1, scipy.optimize, with values of pint 0.25.3 (Linux).
#
# A function whose values do not convert to float, such as a length, cannot be searched for a root. The root finders in C
# do not look at the error of the conversion: they go on, and where they call the function again, it runs with the error
# pending, and what comes out is a SystemError about whatever it calls first; the reason is only its __cause__. An except
# clause for the value's own error does not catch it. Which of them call again depends on the interval.
#
# Seen: "SystemError because of DimensionalityError" of bisect, brentq, brenth; ridder, which is done, says the reason.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check scipy==1.17.1 pint==0.25.3
"$work/venv/bin/python" - <<'PY' | tee "$work/seen"
import pint
from scipy import optimize

unit = pint.UnitRegistry()


def height(x):
    return abs(x) * (x - 1.0) * unit.meter


for name in ("bisect", "brentq", "brenth", "ridder"):
    try:
        outcome = getattr(optimize, name)(height, 0.5, 2.0)
    except Exception as error:
        cause = error.__cause__
        outcome = type(error).__name__ + (f" because of {type(cause).__name__}" if cause else "")
    print(name, outcome)
PY
diff "$work/seen" - <<'SEEN'
bisect SystemError because of DimensionalityError
brentq SystemError because of DimensionalityError
brenth SystemError because of DimensionalityError
ridder DimensionalityError
SEEN
