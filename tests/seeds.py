"""The seeds of tests whose statements are statistical, shifted by ``pytest --seeds-shift N``.

Such a test must hold for any seed: its bounds are quantiles of the known distribution of what it
looks at. Running the suite with other shifts tells a bound that was fitted to one draw.
"""

from __future__ import annotations

import os

#: The shift, for this process and those that it starts.
VARIABLE = "SEISNB_SEEDS_SHIFT"
#: Seeds between one shift and the next: more than any test uses.
STRIDE = 10_000


def shifted(number: int) -> int:
    """A test's own seed, moved by the shift that pytest was started with."""
    return number + STRIDE * int(os.environ.get(VARIABLE) or 0)
