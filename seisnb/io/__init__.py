"""The only door to files: picks and surfaces in, picks and ensembles out.

Lengths come out in km, times in s, depth positive down from sea level, whatever the file holds.
"""

from seisnb.io.pick_std import PickStd, parse_pick_std
from seisnb.io.picks import PICK_FORMATS, PickSummary, describe_picks, read_picks, write_picks
from seisnb.io.results import open_ensemble, save_ensemble
from seisnb.io.surface import read_surface

__all__ = [
    "PICK_FORMATS",
    "PickStd",
    "PickSummary",
    "describe_picks",
    "open_ensemble",
    "parse_pick_std",
    "read_picks",
    "read_surface",
    "save_ensemble",
    "write_picks",
]
