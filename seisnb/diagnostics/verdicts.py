"""The verdict on a result: every reason for caution with a remedy, a level, and the conditions.

**Levels.** A level is a rule, not an opinion:

- good: every gate of :mod:`seisnb.diagnostics.gates` is known and passed, and no reason speaks.
- care: a reason of the weaker kind speaks, or a gate is not known: use the result with that in
  mind.
- bad: a reason of the stronger kind speaks: models or intervals must not be used as they stand.

Reasons and the level they leave a result at best:

- identical members, collapse, members too narrow or wrong far from rays: bad;
- members failed or not converged, far above their objective, or of implausible velocity: care; bad
  above a tenth of them;
- times along rays off by more than 0.3 pick sigmas: care; bad above one;
- rays along the model's floor or sides: care; bad above 5 %;
- misfit above 1.5 per pick, prior too stiff: bad;
- sigmas scaled by more than 2 or less than 0.5, sigmas too large, shared errors: care;
- a velocity that rises as at a boundary, under a smooth prior: care;
- bias of the members' mean above half a posterior std, or not measured: care; bad above one std;
- mean profile fitted to fewer than 500 picks: care;
- prior looser than the picks ask for, fewer than 32 members: care;
- a gate that is not known (an older result, a cancelled run): care.

So "good" is for lines with many picks, or with a mean profile that was not fitted to them, whose
velocity nowhere rises as at a boundary. It says nothing of rock that differs from the prior in ways
that first arrivals cannot show; the last sentence of every verdict says which ways.

**What the checks of the prior can see** was measured on lines of known truth (30 km, 214 picks, 12
truths for each wrong setting). Settings that were right or left open: no alarm at any truth.
Amplitude five times too small, or both lengths twice too long: named at all 12; amplitude twice too
small at 10; one length three times too long at 11. A prior that is too loose hardly shows, because
it can always explain the data: lengths three times too short show at 7, twice at 2, an amplitude
twice too large at 1 (both of these at once at all 12). Rock that no ray meets never shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import xarray as xr

from seisnb.diagnostics.evidence import Velocities
from seisnb.diagnostics.facts import facts_of
from seisnb.diagnostics.gate import Gate, Level, gate_dataset
from seisnb.diagnostics.reasons import Reason, condition, fitted, reasons

#: The levels from best to worst.
LEVELS: tuple[Level, ...] = ("good", "care", "bad")


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """All that is to be said on a result.

    Attributes
    ----------
    level : str
        ``good``, ``care`` or ``bad``.
    reasons : tuple of Reason
        In the order of harm; empty if and only if the level is good.
    fit : str
        How well the picks are fitted; empty where a reason says it.
    condition : str
        What the intervals are conditional on.
    gates : tuple of Gate
        The gates.
    """

    level: Level
    reasons: tuple[Reason, ...]
    fit: str
    condition: str
    gates: tuple[Gate, ...]

    @property
    def text(self) -> str:
        """One sentence a line: reasons, fit, condition."""
        found = [*(each.sentence for each in self.reasons), self.fit, self.condition]
        return "\n".join(each for each in found if each)


def judge(ensemble: xr.Dataset, velocity: Velocities | None = None) -> Judgement:
    """Say all that is to be said on a result.

    Parameters
    ----------
    ensemble : xr.Dataset
        A result of :func:`seisnb.tomography.invert`, of any version.
    velocity : array, (particle, depth, easting), optional
        Its models [km/s] where the Dataset does not hold them yet.
    """
    facts = facts_of(ensemble, velocity)
    found = reasons(facts)
    is_fitted = not any(each.name in ("misfit", "overfit") for each in found)
    return Judgement(
        level=worst([each.level for each in found]),
        reasons=tuple(found),
        fit=fitted(facts) if is_fitted else "",
        condition=condition(facts),
        gates=facts.gates,
    )


def worst(levels: Iterable[Level]) -> Level:
    """The worst of levels; good where there are none.

    >>> worst(["care", "bad", "care"]), worst([])
    ('bad', 'good')
    """
    found = set(levels)
    return next((level for level in reversed(LEVELS) if level in found), "good")


def verdict(ensemble: xr.Dataset, velocity: Velocities | None = None) -> str:
    """All reasons for caution with their remedies, and what the intervals are conditional on.

    Parameters
    ----------
    ensemble, velocity
        As for :func:`judge`.

    Returns
    -------
    str
        One sentence a line, the most harmful first; what the intervals are conditional on last.
    """
    return judge(ensemble, velocity).text


def verdict_level(ensemble: xr.Dataset, velocity: Velocities | None = None) -> Level:
    """``good``, ``care`` or ``bad``, by the rule of :mod:`seisnb.diagnostics.verdicts`.

    Parameters
    ----------
    ensemble, velocity
        As for :func:`judge`.
    """
    return judge(ensemble, velocity).level


def judged(ensemble: xr.Dataset, velocity: Velocities | None = None) -> xr.Dataset:
    """The result with its gates, ``attrs["verdict"]`` and ``attrs["verdict_level"]``.

    Parameters
    ----------
    ensemble, velocity
        As for :func:`judge`.
    """
    found = judge(ensemble, velocity)
    old = [name for name in ensemble.variables if str(name).startswith("gate")]
    made = ensemble.drop_vars(old).merge(gate_dataset(found.gates), combine_attrs="override")
    return made.assign_attrs(verdict=found.text, verdict_level=found.level)


def told(ensemble: xr.Dataset) -> tuple[Level, list[str]]:
    """Level and sentences as a result holds them, or judged now where it is of an older version.

    Parameters
    ----------
    ensemble : xr.Dataset
        A result of :func:`seisnb.tomography.invert`, of any version.
    """
    level, text = ensemble.attrs.get("verdict_level"), str(ensemble.attrs.get("verdict") or "")
    for known in LEVELS:
        if level == known and text:
            return known, text.splitlines()
    found = judge(ensemble)
    return found.level, found.text.splitlines()
