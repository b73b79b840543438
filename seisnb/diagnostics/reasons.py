"""Reasons for caution beside the gates, each one sentence with what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from seisnb.diagnostics.facts import LENGTHS, SURE, Facts, is_suspect
from seisnb.diagnostics.gate import Level

#: A bias of the members' mean, in posterior std, that a common shift does not remove for sure.
BENT, VERY_BENT = 0.5, 1.0
#: A Langevin chain moved when this share of its steps was accepted, and this many of them.
MOVED_SHARE, MOVED_STEPS = 0.2, 20
#: A mean profile fitted to fewer picks than this leaves intervals too narrow to be called good.
MANY_PICKS = 500
#: Fewest members that draw an interval well.
ENOUGH_MEMBERS = 32


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A reason for caution.

    Attributes
    ----------
    name : str
        For programs.
    level : str
        What a result with this reason is at best, ``care`` or ``bad``.
    sentence : str
        One sentence: what was found, and what to do.
    """

    name: str
    level: Level
    sentence: str


Judge = Callable[[Facts], Reason | None]


def reasons(facts: Facts) -> list[Reason]:
    """All reasons that speak, the most harmful first.

    That intervals are wider than need be is only said where nothing points to narrow ones.
    """
    found = [*_gate_reasons(facts), *(each for judge in JUDGES if (each := judge(facts)))]
    if not _may_be_narrow(found):
        found += [each for judge in WIDE if (each := judge(facts))]
    return sorted(found, key=lambda each: (each.level != "bad", HARM.index(each.name)))


def condition(facts: Facts) -> str:
    """What the intervals are conditional on, in one sentence."""
    names = {
        "kernel": "kernel",
        "amplitude": "amplitude",
        "length_easting": "length_easting",
        "length_depth": "length_depth",
        "profile": "mean profile",
    }
    has_lengths = bool({"kernel", *LENGTHS} & facts.estimated)
    estimated = [
        shown
        for name, shown in names.items()
        if name in facts.estimated or (name == "kernel" and has_lengths)
    ]
    given = [shown for shown in names.values() if shown not in estimated]
    parts = []
    if facts.prior:
        if estimated:
            parts.append(
                f"on the prior's {_listed(estimated)}, estimated from these same picks and then "
                "taken as known"
            )
        if given:
            parts.append(
                f"on its {_listed(given)} as given"
                if estimated
                else f"on the prior's {_listed(given)} as given"
            )
    else:
        parts.append("on the prior")
    more = ""
    if facts.config.get("correction_steps"):
        more = "; Langevin steps change none of that"
    return (
        f"The intervals are conditional {', '.join(parts)}, and on smooth rock, a straight 2-D "
        "line and independent pick errors: rock with sharp boundaries is covered less often than "
        f"the intervals say, and first arrivals cannot always show such rock{more}."
    )


def fitted(facts: Facts) -> str:
    """How well the picks are fitted, in a sentence."""
    sigmas = "their sigmas" if 0.8 < facts.scale < 1.25 else f"{facts.scale:.2g} times their sigmas"
    judge = " with Student weights" if facts.is_student else " per pick by the independent solver"
    return (
        f"Picks are fitted within {sigmas} (chi2 {facts.chi2:.2f}{judge}); where the std ratio is "
        "near one, the picks say nothing beyond the prior."
    )


def _gate_reasons(facts: Facts) -> list[Reason]:
    """Every gate that is failed, and one sentence on those that are not known."""
    failed = [
        Reason(name=each.name, level=each.level, sentence=f"{each.sentence}: {each.remedy}.")
        for each in facts.gates
        if each.passed is False
    ]
    unknown = [each.title for each in facts.gates if each.passed is None]
    if unknown:
        remedy = (
            "run the same command again to finish it"
            if facts.is_cancelled
            else "run the inversion again with this version, with n_members=64 or more"
        )
        shown = [title[0].lower() + title[1:] for title in unknown]
        failed.append(
            Reason(
                name="not_known",
                level="care",
                sentence=f"Not known, so not to be called good: {_listed(shown, ';')}; {remedy}.",
            )
        )
    return failed


def _may_be_narrow(found: Sequence[Reason]) -> bool:
    """Whether anything points to intervals that are too narrow."""
    return any(each.name not in SAYS_NOTHING_OF_WIDTH for each in found)


def _misfit(facts: Facts) -> Reason | None:
    if not facts.chi2 > 1.5:
        return None
    ways = [] if facts.config.get("infer_sigma") else ["infer_sigma=True"]
    stiff = "" if facts.checks else " or the prior is too stiff"
    ways.append("larger sigmas" if facts.checks else "a larger amplitude or shorter lengths")
    return Reason(
        name="misfit",
        level="bad",
        sentence=f"Misfit is too large (chi2 {facts.chi2:.2f} per pick): the pick sigmas are too "
        f"small{stiff}; use {' or '.join(ways)}, or mute picks whose residuals stand out.",
    )


def _stiff(facts: Facts) -> Reason | None:
    """The prior holds the model back: amplitude too small or lengths too long."""
    is_pulled = facts.z("prior_pull") > SURE
    lengths = [
        name
        for name in LENGTHS
        if is_suspect(name, facts.value(name), facts.z(name))
        and facts.z(name) < 0
        and name not in facts.estimated
        and (is_pulled or facts.z("pick_sigma") < SURE)  # small sigmas ask for short lengths too
    ]
    if not (is_pulled or lengths):
        return None
    pull = float(np.sqrt(facts.value("prior_pull")))
    signs = []
    if is_pulled:
        signs.append(
            f"the picks pull the model {pull:.1f} times as far from the prior's mean as an "
            f"amplitude of {_amplitude(facts)} allows"
        )
    if lengths:
        signs.append(f"they ask for a shorter {' and '.join(lengths)}")
    together = _most_correlated(facts)
    if together:
        signs.append(f"neighbouring picks miss together (correlation {together[1]:.2f})")
    wanted = []
    if is_pulled:
        wanted.append("a larger amplitude" + ("" if lengths else _about(facts, pull)))
    if lengths or not is_pulled or "length_easting" not in facts.estimated:
        wanted.append("shorter lengths (length_easting, length_depth)")
    return Reason(
        name="stiff",
        level="bad",
        sentence=f"The prior is too stiff: {_listed(signs)}; use {' or '.join(wanted)}"
        f"{_open(facts)}.",
    )


def _boundary(facts: Facts) -> Reason | None:
    """The mean velocity rises as at a boundary."""
    rise = facts.rise
    if rise is None or not rise.is_sharp:
        return None
    return Reason(
        name="boundary",
        level="care",
        sentence=f"The velocity rises {rise.factor:.1f}-fold within {_length(rise.thickness)} at "
        f"{_length(rise.depth)} below the surface, as at a boundary, which a smooth prior does not "
        "hold (its 95 % intervals held 0.3 to 0.8 of layered truths): do not read the depth of a "
        "boundary or velocities near it off these intervals; no setting of a smooth prior mends "
        "that.",
    )


def _shared(facts: Facts) -> Reason | None:
    found = _most_correlated(facts)
    if found is None:
        return None
    kind, correlation = found
    is_given = bool({"amplitude", *LENGTHS} - facts.estimated)
    shorter = [
        name
        for name in LENGTHS
        if facts.z(name) < 0 and is_suspect(name, facts.value(name), facts.z(name))
    ]
    cause = "they share errors"
    if shorter:
        names = " and ".join(shorter)
        cause = f"a shorter {names}, given by hand, may explain a part; they also share errors"
    elif is_given:
        cause = "unless the prior is too stiff, they share errors"
    return Reason(
        name="shared",
        level="care",
        sentence=f"Neighbouring picks of one {kind} miss together (correlation {correlation:.2f}): "
        f"{cause} (clock, position, picking, rock off the line), so the intervals are too narrow; "
        f"correct the {kind}s' times and positions, mute {kind}s whose picks all come late or "
        f"early, or have such errors as unknowns: {kind}_term_std for late or early {kind}s, "
        "gather_error_std for what neighbours share "
        f"(about {facts.shared_std(correlation):.2g} s).",
    )


def _bent(facts: Facts) -> Reason | None:
    """Times bend strongly over the posterior's width."""
    steps = int(facts.config.get("correction_steps") or 0)
    if steps:
        if facts.acceptance >= MOVED_SHARE and facts.acceptance * steps >= MOVED_STEPS:
            return None
        moved = "unknown" if np.isnan(facts.acceptance) else f"{facts.acceptance:.0%}"
        return Reason(
            name="bias",
            level="care",
            sentence=f"{steps} Langevin steps per member (accepted: {moved}) are too few to show "
            "that the bias of the members' mean is gone, and it was not measured: use "
            "correction_steps=0 with recentre=True, which measures it, or many more steps.",
        )
    if facts.config.get("recentre") is False:
        return Reason(
            name="bias",
            level="care",
            sentence="The bias of the members' mean was not measured: use recentre=True.",
        )
    if np.isnan(facts.bias) and not facts.is_together:
        return Reason(
            name="bias_unknown",
            level="care",
            sentence="The bias of the members' mean was not measured: it is with "
            "likelihood='gaussian', n_members=16 or more, and a run that is not cancelled.",
        )
    if not facts.bias > BENT:
        return None
    return Reason(
        name="bias",
        level="bad" if facts.bias > VERY_BENT else "care",
        sentence=f"The members' mean is biased by about {facts.bias:.1f} posterior std somewhere, "
        "by the leading order, which is then too rough to remove it for sure: add picks where "
        "rays are few, or give a smaller amplitude if other knowledge allows one.",
    )


def _plugged(facts: Facts) -> Reason | None:
    """A mean profile fitted to few picks and then taken as known."""
    if "profile" not in facts.estimated or facts.n_picks >= MANY_PICKS:
        return None
    return Reason(
        name="fitted_profile",
        level="care",
        sentence=f"The mean profile was fitted to these {facts.n_picks} picks and then taken as "
        "known, which makes intervals too narrow (95 % intervals held 0.77 to 0.85 of smooth "
        "truths on small lines): give surface_velocity and gradient, or profile, from other "
        "knowledge.",
    )


def _loose(facts: Facts) -> Reason | None:
    """The prior allows more than the picks ask for: intervals wider than need be."""
    lengths = [
        name
        for name in LENGTHS
        if is_suspect(name, facts.value(name), facts.z(name))
        and facts.z(name) > 0
        and name not in facts.estimated
    ]
    is_slack = facts.z("prior_pull") < -SURE
    if not (is_slack or lengths) or facts.z("pick_sigma") > SURE:
        return None
    pull = float(np.sqrt(facts.value("prior_pull")))
    signs, wanted = [], []
    if is_slack:
        signs.append(
            f"the model strays only {pull:.2f} times as far from the prior's mean as an amplitude "
            f"of {_amplitude(facts)} allows"
        )
        wanted.append(f"a smaller amplitude{'' if lengths else _about(facts, pull)}")
    if lengths:
        signs.append(f"the picks ask for a longer {' and '.join(lengths)}")
    wanted.append("longer lengths (length_easting, length_depth)")
    return Reason(
        name="loose",
        level="care",
        sentence=f"The prior is looser than the picks ask for: {_listed(signs)}, so the intervals "
        f"are wider than they need to be; use {' or '.join(wanted)}{_open(facts)}.",
    )


def _overfit(facts: Facts) -> Reason | None:
    if not facts.chi2 < 0.6:
        return None
    remedy = "" if facts.config.get("infer_sigma") else "infer_sigma=True or "
    return Reason(
        name="overfit",
        level="care",
        sentence=f"Picks are fitted better than their sigmas say (chi2 {facts.chi2:.2f} per pick): "
        f"the sigmas are too large; use {remedy}smaller sigmas.",
    )


def _few(facts: Facts) -> Reason | None:
    if facts.n_members >= ENOUGH_MEMBERS:
        return None
    return Reason(
        name="few_members",
        level="care",
        sentence=f"{facts.n_members} members give rough intervals: use n_members=64 or more for "
        "publication.",
    )


#: What may speak beside the gates; those of WIDE only where nothing points to narrow intervals.
JUDGES: tuple[Judge, ...] = (
    _misfit, _stiff, _boundary, _shared, _bent, _plugged, _overfit, _few,
)  # fmt: skip
WIDE: tuple[Judge, ...] = (_loose,)
#: Reasons that do not point to intervals that are too narrow.
SAYS_NOTHING_OF_WIDTH = (
    "few_members", "not_known", "bias_unknown", "overfit", "plausible_velocity",
)  # fmt: skip
#: Reasons in the order of harm, among those of one level.
HARM = (
    "distinct_members", "std_where_rays_are", "failed_members", "converged_members",
    "own_objective", "ray_times", "floor_rays", "side_rays", "std_far_from_rays", "spread",
    "misfit", "sigma_scale", "plausible_velocity", "stiff", "boundary", "shared", "bias",
    "fitted_profile", "loose", "overfit", "few_members", "not_known", "bias_unknown",
)  # fmt: skip


def _most_correlated(facts: Facts) -> tuple[str, float] | None:
    """The gather whose neighbours miss together beyond doubt, and their correlation."""
    found = [
        (facts.value(name), name.removeprefix("neighbours_"))
        for name in facts.checks
        if name.startswith("neighbours_") and is_suspect(name, facts.value(name), facts.z(name))
    ]
    return max(found)[::-1] if found else None


def _amplitude(facts: Facts) -> str:
    """The prior's amplitude as text."""
    value = facts.prior.get("amplitude")
    unit = " km/s" if facts.prior.get("field") == "velocity" else ""
    return f"{value:.3g}{unit}" if isinstance(value, int | float) else "the prior's"


def _about(facts: Facts, factor: float) -> str:
    """The amplitude that is asked for, in brackets."""
    value = facts.prior.get("amplitude")
    return f" (about {value * factor:.2g})" if isinstance(value, int | float) else ""


def _open(facts: Facts) -> str:
    """The easy way out, for what was given by hand."""
    given = {"amplitude", *LENGTHS} - facts.estimated
    if given:
        return ", or leave them open so that they are estimated from the picks"
    return ", given by hand: the search for a prior went no further"


def _length(value: float) -> str:
    """A length [km] as text, in m below one km."""
    return f"{value:.2g} km" if value >= 1 else f"{1000 * value:.2g} m"


def _listed(parts: Sequence[str], comma: str = ",") -> str:
    """Parts of a sentence with commas and an and."""
    if len(parts) == 1:
        return parts[0]
    return f"{f'{comma} '.join(parts[:-1])}{comma if comma != ',' else ''} and {parts[-1]}"
