"""Training models: optimizers, schedules, fitting by least squares, and what a gradient costs.

It imports what users import, and the checks of ``calls``; ``plots`` and the commands import it.
"""

from __future__ import annotations

from .comparing import Comparison as Comparison
from .comparing import StepErrors as StepErrors
from .comparing import compare_gradients as compare_gradients
from .comparing import step_size_errors as step_size_errors
from .fit import Fit as Fit
from .fit import fit as fit
from .fit import predict as predict
from .least_squares import LeastSquares as LeastSquares
from .least_squares import LevenbergMarquardt as LevenbergMarquardt
from .least_squares import least_squares as least_squares
from .optimizers import Adam as Adam
from .optimizers import GradientDescent as GradientDescent
from .optimizers import Momentum as Momentum
from .optimizers import RMSprop as RMSprop
from .optimizers import State as State
from .parameters import PerSample as PerSample
from .race import RACERS as RACERS
from .race import TEST_FUNCTIONS as TEST_FUNCTIONS
from .race import Race as Race
from .race import TestFunction as TestFunction
from .race import descent_path as descent_path
from .race import race as race
from .schedules import Constant as Constant
from .schedules import CosineDecay as CosineDecay
from .schedules import StepDecay as StepDecay
from .solvers import GaussNewton as GaussNewton
from .solvers import Newton as Newton
