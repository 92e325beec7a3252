"""Where a function of one number is 0, by Brent's method, and the quantile of Student's t.

`scipy.optimize` and `scipy.stats` do the same, but loading them takes as long as all else that figures need.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import special

STEPS = 100
# The least relative error that can be asked for.
RELATIVE = 4 * 2.0**-52


def between(f: Callable[[float], float], first: float, last: float, tolerance: float = 2e-12) -> float:
    """Return where f is 0 between two places at which its signs differ; raise ValueError if they do not.

    Brent 1973, chapters 3 and 4, step for step as scipy takes them, so that the last bit is the same: where the secant or the
    inverse parabola through three places does not promise more, the interval is halved.
    """
    before, here = first, last
    f_before, f_here = f(before), f(here)
    if f_before == 0:
        return before
    if f_here == 0:
        return here
    if (f_before < 0) == (f_here < 0):
        raise ValueError(f"the function has the same sign at {first:g} and at {last:g}")
    across, f_across, step_before, step = before, f_before, here - before, here - before
    for _ in range(STEPS):
        if f_before != 0 and f_here != 0 and (f_before < 0) != (f_here < 0):
            across, f_across = before, f_before
            step_before = step = here - before
        if abs(f_across) < abs(f_here):
            before, here, across = here, across, here
            f_before, f_here, f_across = f_here, f_across, f_here
        least, half = (tolerance + RELATIVE * abs(here)) / 2, (across - here) / 2
        if f_here == 0 or abs(half) < least:
            return here
        tried = math.inf
        if abs(step_before) > least and abs(f_here) < abs(f_before):
            if before == across:
                tried = -f_here * (here - before) / (f_here - f_before)
            else:
                slope, other = (f_before - f_here) / (before - here), (f_across - f_here) / (across - here)
                tried = -f_here * (f_across * other - f_before * slope) / (other * slope * (f_across - f_before))
        if 2 * abs(tried) < min(abs(step_before), 3 * abs(half) - least):
            step_before, step = step, tried
        else:
            step_before = step = half
        before, f_before = here, f_here
        here += step if abs(step) > least else math.copysign(least, half)
        f_here = f(here)
    raise ValueError(f"{STEPS} steps found no place where the function is 0")


def t_quantile(level: float, freedom: float) -> float:
    """Return the quantile of Student's t distribution."""
    return float(special.stdtrit(freedom, level))
