"""Runs of several seeds that train together: each is the run that is trained alone."""

import json
import os
import subprocess
import time
import types
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from test_train import ROOT, command, config, lines, steps

import gengap
from gengap import methods
from gengap.errors import InputError, NonFiniteError
from gengap.training import loop, population, program, step
from gengap.training.window import Clock

SEEDS = (5, 6, 7)


def together(method="vae", **fields):
  return config(method, **dict(seed=SEEDS[0], seeds=len(SEEDS), checkpoint_every=2) | fields)


def numbers(workdir):
  return [{k: v for k, v in line.items() if k != "steps_per_second"} for line in lines(workdir)]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
  """The workdir of three runs that were trained together."""
  loop.train(together(), folder := tmp_path_factory.mktemp("many"))
  return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
  """The workdir of the second of them, trained alone."""
  loop.train(config(seed=SEEDS[1], checkpoint_every=2), folder := tmp_path_factory.mktemp("alone"))
  return folder


def test_a_run_is_bit_for_bit_that_which_is_trained_alone(many, alone):
  """One after another on the CPU; so are its folder, its log and its pictures."""
  one = many / str(SEEDS[1])
  tiny.assert_identical(gengap.load(one).nets, gengap.load(alone).nets)
  assert numbers(one) == numbers(alone)
  for file in ("config.json", "samples/12.png", "samples/real.png"):
    assert (one / file).read_bytes() == (alone / file).read_bytes()
  written, expected = (json.loads((folder / "run.json").read_text()) for folder in (one, alone))
  assert written == expected
  assert numbers(many / str(SEEDS[0])) != numbers(one)
  assert sorted(path.name for path in many.iterdir()) == [str(seed) for seed in SEEDS]


def test_a_run_can_be_resumed_alone_and_together(tmp_path, many):
  """Whatever the steps at which the runs stopped."""
  loop.train(together(steps=8), tmp_path)
  for seed in SEEDS:
    (tmp_path / str(seed) / "config.json").unlink()  # the only difference is where the first part stopped
  first, *_ = (tmp_path / str(seed) for seed in SEEDS)
  loop.train(config(seed=SEEDS[0], checkpoint_every=2), first)
  assert [max(steps(tmp_path / str(seed))) for seed in SEEDS] == [12, 8, 8]
  loop.train(together(), tmp_path)
  for seed in SEEDS:
    resumed, whole = tmp_path / str(seed), many / str(seed)
    tiny.assert_identical(gengap.load(resumed).nets, gengap.load(whole).nets)
    assert numbers(resumed) == numbers(whole)


def test_mapped_runs_are_those_that_are_trained_alone_up_to_rounding(monkeypatch, tmp_path):
  """As accelerators train them: one program for all."""
  few = together("wgan_gp", seeds=2, steps=20, sample_every=20, eval_every=20, checkpoint_every=20)
  loop.train(few, tmp_path / "one after another")
  monkeypatch.setattr(step, "maps_runs", lambda: True)
  loop.train(few, tmp_path / "mapped")
  for seed in SEEDS[:2]:
    one, mapped = (tmp_path / name / str(seed) for name in ("one after another", "mapped"))
    assert max(tiny.differences(gengap.load(one).nets, gengap.load(mapped).nets).values()) < 1e-4
    for line, other in zip(numbers(mapped), numbers(one), strict=True):
      assert line == pytest.approx(other, rel=1e-3, abs=1e-4)
    operations = [json.loads((folder / "run.json").read_text())["flops_per_step"] for folder in (one, mapped)]
    assert operations[1] == pytest.approx(operations[0], rel=0.05)


def test_a_run_that_goes_non_finite_stops_alone(monkeypatch, tmp_path, many, capsys):
  """Its last good checkpoint is kept, and the others are those of an undisturbed training."""
  real = methods.build

  def build(c, spec):
    found = real(c, spec)

    def spoilt(params, nets, batch, keys, at):
      loss, seen = found.turns[-1].loss(params, nets, batch, keys, at)
      bad = (at == 6) & (jax.random.key_data(keys)[0] == chosen).all()
      return jnp.where(bad, jnp.nan, loss), seen

    return found._replace(turns=(*found.turns[:-1], found.turns[-1]._replace(loss=spoilt)))

  # The key of the first example of the batch in step 6 (from 0) names the run to spoil.
  first = np.uint32(6 * 8)
  chosen = jax.random.key_data(jax.random.fold_in(step.stream(SEEDS[1], "train"), first))
  monkeypatch.setattr(program.methods, "build", build)
  with pytest.raises(NonFiniteError, match=r"seed 6: the loss of turn 'vae' is nan at step 7.*2 other"):
    loop.train(together(), tmp_path)
  assert "seed 6: stopped: the loss" in capsys.readouterr().err
  assert gengap.load(tmp_path / "6").step == 6
  for seed in (5, 7):
    nets, expected = (gengap.load(folder / str(seed)).nets for folder in (tmp_path, many))
    assert max(tiny.differences(expected, nets).values()) < 1e-5


def test_all_seeds_of_a_config_share_one_program(tmp_path):
  """A second process of another seed finds it in the cache and adds no entry, nor do runs together."""
  environment = os.environ | {"PYTHONPATH": str(ROOT), "GENGAP_CACHE": str(tmp_path / "cache")}
  environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"

  def entries(*flags):
    call = [*command(tmp_path / "runs" / "-".join(flags), steps=20), *flags]
    subprocess.run(call, cwd=ROOT, env=environment, check=True, capture_output=True)
    return {path.name for path in (tmp_path / "cache" / "xla").iterdir() if path.name.endswith("-cache")}

  first = entries("--config.seed=0")
  assert len(first) > 1  # the initial weights, and the training program
  assert entries("--config.seed=1") == first
  assert entries("--config.seed=2", "--config.seeds=2") == first


def test_runs_at_different_steps_get_the_programs_of_their_steps(monkeypatch):
  """Of a penalty that is due in every third step. One program cannot serve steps that differ in it."""
  nothing: Any = None
  method: Any = types.SimpleNamespace(turns=[types.SimpleNamespace(interval=3)])
  compiled: Any = {(True,): "due", (False,): "between"}
  fields = (nothing, nothing, nothing, step.ONE_RUN, compiled, 1, 1, nothing, nothing, 0.0, "", None, nothing)
  one = program.Program(method, *fields)
  monkeypatch.setattr(population, "data_of_calls", lambda *_: iter(["data"]))
  states: Any = [types.SimpleNamespace(step=at) for at in (0, 2)]
  first, second = population.Population(one, config(seeds=2), nothing, states).calls
  assert [next(first).program for _ in range(4)] == ["due", "between", "between", "due"]
  assert [next(second) for _ in range(2)] == [("between", "data"), ("due", "data")]
  with pytest.raises(InputError, match=r"seeds \[0 1\] stopped at steps 0, 2, .*; resume each alone"):
    population.Population(one._replace(runs=step.Runs(1, 2)), config(seeds=2), nothing, states)


def test_the_clock_stands_still_while_any_run_is_evaluated_or_saved(monkeypatch):
  now = [100.0]
  monkeypatch.setattr(time, "perf_counter", lambda: now[0])
  clock = Clock()
  began = clock.now()
  now[0] += 3
  with clock.paused():
    now[0] += 50
  now[0] += 4
  assert clock.now() - began == 7


def test_operations_and_states_of_runs_that_are_spread_over_devices():
  """check_devices trains them; here what their programs' axes are."""
  assert step.Runs(2, 3).shape == (2, 3)
  assert step.Runs(1, 3).shape == (3,)
  assert step.ONE_RUN.shape == ()
  c = config("vae", seed=2**32 - 6, seeds=6)
  assert program.seeds_of_programs(c, step.Runs(2, 3)).tolist() == [
    [[2**32 - 6, 2**32 - 5, 2**32 - 4], [2**32 - 3, 2**32 - 2, 2**32 - 1]]
  ]
  assert program.seeds_of_programs(c, step.ONE_RUN).shape == (6,)


@pytest.mark.parametrize(
  ("fields", "reason"),
  [
    ({"seeds": 0}, "config.seeds is 0; it must be at least 1"),
    ({"seed": 2**32 - 2}, "config.seed is 4294967294; it must be in "),
    ({"data_device_bytes": 1}, r"config.seeds is 3: .* raise config.data_device_bytes to 2048"),
  ],
)
def test_wrong_populations_are_refused(tmp_path, fields, reason):
  with pytest.raises(InputError, match=reason):
    loop.train(together(**fields), tmp_path / "run")
  assert not list(tmp_path.glob("run/*/checkpoints/[0-9]*"))


def test_a_folder_of_one_run_is_no_folder_of_several_and_the_reverse(many, alone):
  with pytest.raises(InputError, match=r"holds one run, and config.seeds is 3; use another"):
    loop.train(together(), alone)
  with pytest.raises(InputError, match=r"holds no run: .*; name one of its runs, 5, 6, 7, such as .*/5"):
    gengap.load(many)
