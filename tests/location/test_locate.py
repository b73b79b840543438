"""Locating: against brute force, over many truths, and what the result holds."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from scipy.special import logsumexp

from seisnb.conventions import HYPOCENTRES, Cancelled, CheckpointError, InputError
from seisnb.location import Prepared, locate
from seisnb.location.density import EventDensity
from seisnb.location.picks import events_to_locate
from seisnb.velocity_models import VelocityEnsemble
from tests.bounds import counts
from tests.location.conftest import (
    EXACT,
    START,
    TRUE,
    arrivals_at,
    ensemble_of,
    model,
    settings,
)
from tests.seeds import shifted


def run(arrivals, stations, ensemble, prepared, **changes) -> xr.Dataset:
    return locate(arrivals, stations, ensemble, settings(**changes), prepared=prepared)


@pytest.fixture(scope="module")
def found(arrivals, stations, ensemble, prepared) -> xr.Dataset:
    return run(arrivals, stations, ensemble, prepared)


def test_everything_promised_is_there(found: xr.Dataset, arrivals: xr.Dataset) -> None:
    for name, variable in HYPOCENTRES.items():
        assert found[name].dims == variable.dims, name
        if found[name].dtype.kind != "M":
            assert found[name].attrs["units"] == variable.units
    assert found["event"].values.tolist() == ["ev0", "ev1", "ev2"]
    assert found.attrs["kind"] == "hypocentres"
    assert "+units=km" in found.attrs["projection"]
    assert json.loads(found.attrs["config"])["likelihood"] == "student"
    for name in ("easting", "northing", "depth", "origin_time", "model", "log_weight"):
        assert found[name].shape == (3, 500)
    np.testing.assert_allclose(np.exp(found["log_weight"]).sum("sample"), 1.0)
    np.testing.assert_allclose(found["model_probability"].sum("member"), 1.0)
    assert found.sizes["pick"] == arrivals.sizes["pick"]


def test_hypocentres_are_near_the_truth(found: xr.Dataset) -> None:
    truth = np.array([TRUE, (-10.0, 6.0, 18.0), (8.0, 12.0, 5.0)])
    mean = np.column_stack([found[f"mean_{n}"] for n in ("easting", "northing", "depth")])
    std = found["std"].values[:, :3]
    assert (np.abs(mean - truth) < 3.5 * std).all()
    late = (found["mean_origin_time"].values - START) / np.timedelta64(1, "s")
    assert (np.abs(late) < 3.5 * found["std"].values[:, 3]).all()  # across midnight
    best = np.column_stack([found[f"best_{n}"] for n in ("easting", "northing", "depth")])
    assert (np.abs(best - mean) < std).all()


@pytest.mark.parametrize("likelihood", ["student", "gaussian", "edt"])
def test_against_a_brute_force_grid(
    likelihood: str, arrivals, stations, ensemble, prepared: Prepared
) -> None:
    """Mean within 0.1 std, std within 5 %, evidence within 0.05."""
    config = settings(likelihood=likelihood, n_samples=8000, single_model=False, blend_models=False)
    one = arrivals.isel(pick=np.flatnonzero(arrivals["event"].values == "ev0"))
    found = locate(one, stations, ensemble, config, prepared=prepared)
    [event], _ = events_to_locate(one, stations, config)
    density = EventDensity(
        event=event, tables=prepared.tables, space=prepared.space, noise=prepared.noise,
        config=config, term=np.zeros(event.n_picks), term_std=np.zeros(event.n_picks),
        log_weight=ensemble.log_weight,
    )  # fmt: skip
    middle = [float(found[f"mean_{n}"][0]) for n in ("easting", "northing", "depth")]
    std = found["std"].values[0]
    axes = [np.linspace(m - 6 * s, m + 6 * s, 41) for m, s in zip(middle, std, strict=False)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    log_l = density.evaluate(points).log_likelihood + ensemble.log_weight
    log_p = logsumexp(log_l, axis=1) + density.space.log_prior(points)
    p = np.exp(log_p - logsumexp(log_p))
    mean = p @ points
    spread = np.sqrt(p @ (points - mean) ** 2)
    assert (np.abs(mean - middle) < 0.1 * spread).all()
    np.testing.assert_allclose(std[:3], spread, rtol=0.05)
    volume = np.prod([a[1] - a[0] for a in axes])
    assert float(found["log_evidence"][0]) == pytest.approx(
        float(logsumexp(log_p) + np.log(volume)), abs=0.05
    )
    exact = logsumexp(log_l + density.space.log_prior(points)[:, None], axis=0)
    exact = np.exp(exact - logsumexp(exact))
    np.testing.assert_allclose(found["model_probability"].values[0], exact, atol=0.02)
    # the region that holds 95 % by its density
    level = float(found["region_log_density"].sel(region=0.95)[0])
    inside = log_p - logsumexp(log_p) - np.log(volume) >= level
    assert p[inside].sum() == pytest.approx(0.95, abs=0.01)


@pytest.mark.slow
def test_regions_hold_the_truth_as_often_as_they_say(stations) -> None:
    """True model a draw like the members', not one of them; the mean model's regions hold less."""
    rng = np.random.default_rng(shifted(7))
    ensemble = ensemble_of(64, 0.03, seed=1)
    from seisnb.location import prepare

    prepared = prepare(stations, ensemble, settings())
    multi, single = [], []
    for k in range(60):
        place = (rng.uniform(-15, 15), rng.uniform(-15, 15), rng.uniform(4, 22))
        rock = model(1 + 0.03 * rng.standard_normal())
        arrivals = arrivals_at(stations, [place], rock=rock, std=0.03, seed=k)
        trial = _trial(stations, place)
        found = locate(
            arrivals, stations, ensemble, settings(likelihood="gaussian"), prepared=prepared,
            trial=trial,
        )  # fmt: skip
        multi.append(float(found["trial_credibility"][0]) <= 0.95)
        single.append(float(found["single_trial_credibility"][0]) <= 0.95)
    assert np.sum(multi) >= counts(60, 0.95)[0]
    assert np.mean(single) < 0.7


def _trial(stations: xr.Dataset, place) -> xr.Dataset:
    from seisnb.projection import Projection

    lon, lat = Projection(stations.attrs["projection"]).inverse(place[0], place[1])
    return xr.Dataset(
        {"longitude": ("event", [float(lon)]), "latitude": ("event", [float(lat)]),
         "depth": ("event", [place[2]])}, coords={"event": ["ev0"]},
    )  # fmt: skip


def test_equal_seeds_give_equal_results_whatever_the_threads(
    found, arrivals, stations, ensemble, prepared
) -> None:
    again = run(arrivals, stations, ensemble, prepared, n_workers=3)
    for name in ("easting", "depth", "model", "log_density", "single_depth", "residual"):
        np.testing.assert_array_equal(found[name].values, again[name].values)
    other = run(arrivals, stations, ensemble, prepared, seed=1)
    assert not np.array_equal(found["depth"].values, other["depth"].values)


def test_the_mean_model_answer_stands_beside(found: xr.Dataset) -> None:
    # faster and slower rock: over a ring of stations it is the origin time that moves
    assert (found["std_ratio"].sel(component="origin_time") > 1.2).all()
    shift = (found["single_mean_depth"] - found["mean_depth"]) / found["single_std"].sel(
        component="depth"
    )
    np.testing.assert_allclose(found["shift_over_std"].sel(component="depth"), shift, rtol=1e-6)


def test_without_the_mean_model(arrivals, stations, ensemble, prepared) -> None:
    found = run(arrivals, stations, ensemble, prepared, single_model=False)
    assert not [name for name in found if str(name).startswith("single_")]
    assert "std_ratio" not in found


def test_one_wild_pick_does_no_harm(stations, ensemble, prepared) -> None:
    arrivals = arrivals_at(stations)
    wrong = arrivals.copy(deep=True)
    wrong["arrival_time"].values[6] += np.timedelta64(4, "s")
    wrong["arrival_time"].values[7] += np.timedelta64(4, "s")
    good = run(arrivals, stations, ensemble, prepared)
    for likelihood in ("student", "edt"):
        found = run(wrong, stations, ensemble, prepared, likelihood=likelihood)
        assert abs(float(found["mean_depth"][0] - good["mean_depth"][0])) < 2 * float(
            good["std"][0, 2]
        )
        assert found["weight"].values[6] < 0.05
        assert found["residual"].values[6] == pytest.approx(4.0, abs=0.5)
    gaussian = run(wrong, stations, ensemble, prepared, likelihood="gaussian")
    mixed = run(
        wrong, stations, ensemble, prepared, likelihood="gaussian", outlier_probability=0.02
    )
    truth = np.array(TRUE)

    def off(found):
        mean = np.array([float(found[f"mean_{n}"][0]) for n in ("easting", "northing", "depth")])
        return float(np.linalg.norm(mean - truth))

    assert off(gaussian) > 3 * off(mixed)
    assert mixed["weight"].values[6] < 0.01 < 0.9 < np.median(mixed["weight"])


def test_events_that_agree_with_a_model_find_it(stations, ensemble: VelocityEnsemble) -> None:
    """Members 10 % apart: thirty picks without noise tell them apart."""
    from seisnb.velocity_ensembles import layered_ensemble

    apart = layered_ensemble([model(s, f"{s}") for s in (0.9, 1.0, 1.1)])
    found = locate(arrivals_at(stations, std=0.02), stations, apart, settings())
    assert float(found["model_probability"][0, 1]) > 0.95
    assert (found["model"].values == 1).mean() > 0.9


def test_blends_keep_mean_and_covariance_and_widen_what_few_models_say(stations) -> None:
    from seisnb.location.variants import _blend

    rng = np.random.default_rng(shifted(0))
    weight = rng.dirichlet(np.full(40, 5.0))
    times = rng.standard_normal((6, 40)) @ np.diag(rng.uniform(0.5, 2, 40))
    base = np.tile(np.arange(40), 500)
    blended = times @ _blend(weight, base, 0)
    w = weight[base] / weight[base].sum()
    mean = times @ weight
    np.testing.assert_allclose(blended @ w, mean, atol=0.05)
    away = times - mean[:, None]
    covariance = (away * weight) @ away.T / (1 - (weight**2).sum())
    moved = blended - (blended @ w)[:, None]
    np.testing.assert_allclose((moved * w) @ moved.T, covariance, atol=0.12)
    few = ensemble_of(20, 0.03, seed=3)
    arrivals = arrivals_at(stations, rock=model(1.012), std=0.01)
    plain = locate(arrivals, stations, few, settings(blend_models=False))
    smooth = locate(arrivals, stations, few, settings())
    assert float(plain["n_effective_models"][0]) < 3
    time = {"component": "origin_time"}  # what faster and slower rock moves
    assert (smooth["std"].sel(time) > 1.3 * plain["std"].sel(time)).all()
    np.testing.assert_allclose(smooth["model_probability"], plain["model_probability"])


def test_p_alone_s_alone_and_stations_left_out(arrivals, stations, ensemble, prepared) -> None:
    p = run(arrivals, stations, ensemble, prepared, use_s=False)
    assert (p["n_used"] == 12).all()
    both = run(arrivals, stations, ensemble, prepared)
    assert (both["n_used"] == 24).all()
    assert (p["std"].sel(component="depth") > both["std"].sel(component="depth")).all()
    fewer = run(arrivals, stations, ensemble, prepared, leave_out=("ST00", "ST01"))
    assert (fewer["n_stations"] == 10).all()
    left = np.isin(fewer["pick_station"].values, ["ST00", "ST01"])
    assert np.isnan(fewer["residual"].values[left]).all()
    assert (fewer["weight"].values[left] == 0).all()


def test_shared_errors_widen_what_independent_ones_do_not(
    arrivals, stations, ensemble, prepared
) -> None:
    exact = run(arrivals, stations, ensemble, prepared)
    smooth = run(arrivals, stations, ensemble, prepared, smooth_share=0.03)
    vpvs = run(arrivals, stations, ensemble, prepared, vpvs_std=0.05)
    assert (smooth["std"][:, :2] > 1.3 * exact["std"][:, :2]).all()
    assert (vpvs["std"].sel(component="origin_time") >
            exact["std"].sel(component="origin_time")).all()  # fmt: skip
    np.testing.assert_allclose(smooth["model_probability"].sum("member"), 1.0)
    assert smooth["model"].max() < ensemble.n_members
    # the mean model stays what everyone else would do
    np.testing.assert_array_equal(smooth["single_depth"], exact["single_depth"])


def test_station_terms_are_found(stations, ensemble) -> None:
    rng = np.random.default_rng(shifted(2))
    places = [tuple(p) for p in np.column_stack(
        [rng.uniform(-12, 12, 14), rng.uniform(-12, 12, 14), rng.uniform(6, 18, 14)])]  # fmt: skip
    one = ensemble_of(1, 0.0)
    arrivals = arrivals_at(stations, places, std=0.03)
    late = arrivals["station"].values == "ST03"
    arrivals["arrival_time"].values[late] += np.timedelta64(300, "ms")
    found = locate(arrivals, stations, one, settings(station_terms="estimate", single_model=False))
    term = found["station_term"]
    assert float(term.sel(station="ST03").mean()) == pytest.approx(0.28, abs=0.06)
    others = term.where(term["station"] != "ST03", drop=True)
    assert float(np.abs(others).max()) < 0.1
    assert (found["station_term_std"] > 0).all()
    assert (found["station_term_std"] < 0.2).all()
    plain = locate(arrivals, stations, one, settings(single_model=False))
    assert float(found["rms"].mean()) < float(plain["rms"].mean())
    given = stations.copy(deep=True)
    given["term_p"].values[3] = given["term_s"].values[3] = 0.3
    told = locate(arrivals, given, one, settings(single_model=False))
    assert float(told["rms"].mean()) < float(plain["rms"].mean())


def test_goes_on_from_a_checkpoint(tmp_path, found, arrivals, stations, ensemble, prepared) -> None:
    done = []

    def progress(message) -> None:
        if message.stage == "events":
            done.append(message.done)

    folder = tmp_path / "checkpoint"
    part = locate(
        arrivals, stations, ensemble, settings(), prepared=prepared, checkpoint=folder,
        progress=progress, cancel=lambda: bool(done) and done[-1] >= 1,
    )  # fmt: skip
    assert part.attrs["cancelled"] == 1
    assert 1 <= part.sizes["event"] < 3
    again = locate(arrivals, stations, ensemble, settings(), prepared=prepared, checkpoint=folder)
    assert again.attrs["cancelled"] == 0
    for name in ("easting", "depth", "model", "single_depth", "weight"):
        np.testing.assert_array_equal(again[name].values, found[name].values)
    with pytest.raises(CheckpointError, match="likelihood"):
        locate(
            arrivals, stations, ensemble, settings(likelihood="edt"), prepared=prepared,
            checkpoint=folder,
        )  # fmt: skip


def test_cancelled_before_anything(arrivals, stations, ensemble, prepared) -> None:
    with pytest.raises(Cancelled, match="before any event"):
        locate(arrivals, stations, ensemble, settings(), prepared=prepared, cancel=lambda: True)


def test_a_prepared_region_is_not_another(arrivals, stations, ensemble, prepared) -> None:
    with pytest.raises(InputError, match="Prepare anew"):
        run(arrivals, stations, ensemble, prepared, region=(-20.0, 20.0, -20.0, 20.0))


def test_prepared_times_serve_other_weights_and_terms_but_no_other_rock(
    arrivals, stations, ensemble, prepared
) -> None:
    from seisnb.velocity_ensembles import reweighted

    log_weight = np.full(ensemble.n_members, -50.0)
    log_weight[3] = 0.0
    one = reweighted(ensemble, log_weight)
    found = run(arrivals, stations, one, prepared)
    assert (found["model_probability"][:, 3] > 0.99).all()
    fresh = locate(arrivals, stations, one, settings())
    np.testing.assert_allclose(found["single_mean_depth"], fresh["single_mean_depth"], atol=1e-6)
    late = stations.copy(deep=True)
    late["term_p"].values[:] = 0.7
    assert (run(arrivals, late, ensemble, prepared)["station_term"][:, 0] == 0.7).all()
    with pytest.raises(InputError, match="other models"):
        run(arrivals, stations, ensemble_of(24, seed=9), prepared)
    late["depth"].values[2] += 1.0
    with pytest.raises(InputError, match="station ST02 has another depth"):
        run(arrivals, late, ensemble, prepared)


def test_a_checkpoint_is_of_one_trial(tmp_path, arrivals, stations, ensemble, prepared) -> None:
    for place, refused in (((0.0, 0.0, 9.0), False), ((1.0, 0.0, 9.0), True)):
        trial = _trial(stations, place)

        def again(trial=trial) -> xr.Dataset:
            return locate(
                arrivals, stations, ensemble, settings(), prepared=prepared, trial=trial,
                checkpoint=tmp_path / "c",
            )  # fmt: skip

        if refused:
            with pytest.raises(CheckpointError, match="trials"):
                again()
        else:
            assert again().sizes["event"] == 3


def test_tomography_ensembles_layers_and_volumes_together(stations, arrivals) -> None:
    """Members of all kinds, of one velocity, give the answer of one."""
    from seisnb.location import prepare
    from seisnb.velocity_ensembles import join_ensembles, layered_ensemble, volume_ensemble
    from seisnb.velocity_models import LayeredModel, SectionGroup

    gradient = LayeredModel(
        name="g", top=np.array([0.0]), vp=np.array([5.5]), vp_gradient=np.array([0.06])
    )
    layers = layered_ensemble([gradient])
    axis, z = np.linspace(-60, 60, 61), np.linspace(0, 30, 31)
    volume = volume_ensemble(
        xr.DataArray(
            np.broadcast_to(5.5 + 0.06 * z, (61, 61, 31)), dims=("northing", "easting", "depth"),
            coords={"northing": axis, "easting": axis, "depth": z},
        )
    )  # fmt: skip
    section = VelocityEnsemble(
        groups=(
            SectionGroup(
                velocity=np.broadcast_to((5.5 + 0.06 * z)[:, None], (1, 31, 61)), along=axis,
                depth=z, surface=np.zeros(61),
            ),
        ),
        log_weight=np.zeros(1), vpvs=np.array([1.73]), name=("section",),
    )  # fmt: skip
    config = settings(
        region=(-40.0, 40.0, -40.0, 40.0), depth_range=(0.0, 28.0), use_s=False, table_step=1.0
    )
    one = arrivals.isel(pick=np.flatnonzero(arrivals["event"].values == "ev0"))
    answers = {
        name: locate(one, stations, e, config)
        for name, e in (("layers", layers), ("volume", volume), ("section", section))
    }
    for name in ("volume", "section"):
        for part in ("easting", "northing", "depth"):
            away = answers[name][f"mean_{part}"].item() - answers["layers"][f"mean_{part}"].item()
            assert abs(away) < 0.25 * answers["layers"]["std"].sel(component=part).item(), name
    joined = join_ensembles([layers, volume, section])
    mixed = locate(one, stations, joined, config)
    assert "single_depth" not in mixed  # no mean of such members
    assert prepare(stations, joined, config).single is None
    np.testing.assert_allclose(mixed["model_probability"], 1 / 3, atol=0.08)


def test_exact_settings_have_names() -> None:
    assert set(EXACT) <= set(settings().__dataclass_fields__)
