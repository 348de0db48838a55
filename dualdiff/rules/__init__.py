"""The elementary functions: their definitions, their derivatives (the rule table), and the chain rule.

It imports NumPy alone; ``dual`` and all folders above it may import it.
"""

from __future__ import annotations

from .table import FLAT as FLAT
from .table import RULES as RULES
from .table import SPELLINGS as SPELLINGS
from .table import VALUE_ONLY as VALUE_ONLY
from .table import digamma as digamma
from .table import erf as erf
from .table import erfc as erfc
from .table import flat as flat
from .table import gamma as gamma
from .table import lgamma as lgamma
from .table import logistic as logistic
from .table import polygamma as polygamma
from .table import rule as rule
from .table import softplus as softplus
from .table import value_only as value_only
from .table import xlogy as xlogy
