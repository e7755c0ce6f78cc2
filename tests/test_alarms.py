"""Alarms: defined on numbers, and raised in a run."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from test_train import config

from gengap.methods import elbo, gan_metrics
from gengap.training import alarms, loop
from gengap.training.population import Numbers
from gengap.training.window import Window

ALARMS = (
  gan_metrics.collapse_alarm("critic"),
  gan_metrics.gradient_alarm("generator"),
  elbo.collapse_alarm("vae"),
)


def test_oscillation_is_what_a_line_leaves():
  t = np.arange(400)
  assert alarms.oscillation(3.0 - 0.2 * t) == pytest.approx(0, abs=1e-9)
  wave = 0.7 * np.sin(2 * math.pi * t / 20)
  assert alarms.oscillation(wave) == pytest.approx(0.7 / math.sqrt(2), rel=1e-2)
  assert alarms.oscillation(wave + 5 + 0.01 * t) == pytest.approx(0.7 / math.sqrt(2), rel=1e-2)
  assert alarms.oscillation(np.array([1.0, 5.0])) == 0


def test_every_alarm_is_raised_once_with_its_number():
  said = []
  monitor = alarms.AlarmMonitor(ALARMS, said.append, batch_size=16)
  good = {"critic/diversity": 0.9, "generator/image_gradient": 0.3}
  monitor.check(100, good | {"critic/diversity": 0.01}, steps=50)  # too early to say
  monitor.check(1000, good, steps=50)
  assert said == []
  for step in (1500, 2000):
    monitor.check(step, good | {"critic/diversity": 0.031}, steps=50)
  monitor.check(2500, good | {"generator/image_gradient": 3e-6}, steps=50)
  monitor.check(2600, {"vae/active_units": 0.25}, steps=50)
  assert len(said) == 3
  assert said[0].startswith("warning: the generator has collapsed")
  assert "0.031" in said[0] and "critic/diversity at step 1500" in said[0]
  assert "3e-06" in said[1] and "generator/image_gradient at step 2500" in said[1]
  assert said[2].startswith("warning: the posterior has collapsed: the means of 0.25 latents")


BAD = {"critic/diversity": 0.1, "generator/image_gradient": 1e-6, "vae/active_units": 0.0}


@pytest.mark.parametrize(
  ("batch_size", "steps", "warned"),
  [
    (64, 1, ["critic/diversity", "generator/image_gradient", "vae/active_units"]),
    (16, 50, ["critic/diversity", "generator/image_gradient", "vae/active_units"]),
    (16, 3, []),
    (8, 50, ["critic/diversity", "generator/image_gradient"]),
    (2, 50, ["generator/image_gradient"]),
    (1, 64, ["generator/image_gradient"]),
    (1, 50, []),
  ],
)
def test_batches_and_windows_that_are_too_small_raise_no_alarm(batch_size, steps, warned):
  said = []
  alarms.AlarmMonitor(ALARMS, said.append, batch_size).check(1000, BAD, steps)
  assert [name for name in BAD if any(name in line for line in said)] == warned


def test_numbers_that_are_not_finite_raise_no_alarm():
  for value in (math.nan, math.inf):
    alarms.AlarmMonitor(ALARMS, pytest.fail, 64).check(1000, dict.fromkeys(BAD, value), 50)


def test_a_run_whose_generator_gets_no_gradient_says_so_once(tmp_path, capsys):
  """Minimax, and a critic that has won: it learns fast, and the generator does not move."""
  fast = dict(loss="minimax", learning_rate=1e-9, critic_learning_rate=0.05, b1=0.5)
  c = config("gan", best="valid/energy_distance", steps=120, log_every=10)
  c.update(sample_every=120, eval_every=120, checkpoint_every=120)
  c.method_args.update(fast)
  loop.train(c, tmp_path)
  said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
  assert len(said) == 1
  assert "gradient has vanished" in said[0]


def test_the_log_holds_the_oscillation_of_every_loss(tmp_path):
  losses = np.array([1.0, -1.0, 1.0, -1.0])

  class Log:
    say = print

    def advance(self, step):
      pass

    def numbers(self, step, metrics):
      self.seen = dict(metrics)

  log: Any = Log()
  window = Window(log, every=4, batch_size=8)
  window.push(4, [Numbers({"critic/loss": jnp.asarray(losses), "critic/real": jnp.zeros(4)})])
  window.flush()
  assert log.seen["critic/oscillation"] == pytest.approx(alarms.oscillation(losses))
  assert "critic/loss" in log.seen and len([k for k in log.seen if "oscillation" in k]) == 1
