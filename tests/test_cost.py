"""What runs are said to cost."""

import json
import math
import types
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from test_train import config

from gengap import bench, methods
from gengap.evaluation import speed
from gengap.run import Run
from gengap.training import cost, flops, loop, program, step
from gengap.training.population import Numbers
from gengap.training.window import Window

GENERATES = [name for name in tiny.ARGS if name != "classifier" and tiny.method(name).generate]


@pytest.mark.parametrize("name", GENERATES)
def test_sampling_parameters_are_those_that_reach_an_image(name):
  m = tiny.method(name)
  nets = tiny.state(m).nets
  z, label = jax.random.normal(jax.random.key(0), (8, m.latent_dim)), jnp.zeros(8, jnp.int32)
  flat, tree = jax.tree_util.tree_flatten_with_path(nets)
  assert m.generate
  generate, reaching = jax.jit(m.generate), 0
  images = generate(nets, z, label)
  for i, (path, leaf) in enumerate(flat):
    spoilt = [x if j != i else jnp.full_like(x, jnp.nan) for j, (_, x) in enumerate(flat)]
    spoils = not np.array_equal(generate(jax.tree.unflatten(tree, spoilt), z, label), images)
    reaching += leaf.size * bool(spoils and path[1].key == "params")
  assert cost.sampling_parameters(m, nets) == reaching
  assert (cost.sampling(m, nets)["sampling_flops"] or 0) > reaching, "a sampler must be countable"
  others = cost.size([net["params"] for net in nets.values()]) - reaching
  assert reaching > 0
  assert (others == 0) == (name == "diffusion")  # its only network makes the images; others have a second one


@pytest.mark.parametrize(
  ("name", "updates", "adversarial", "variational"),
  [("wgan_gp", {"critic": 2, "generator": 1}, True, False), ("vae", {"vae": 1}, False, True)],
)
def test_a_training_is_what_its_turns_say(name, updates, adversarial, variational):
  c = config(name)
  compiled = program.compile_program(c, program.load_data(c, "train"))
  made = cost.training(compiled, c)
  assert made["updates_per_step"] == updates
  assert made["images_per_step"] == c.batch_size * sum(updates.values())
  assert (made["adversarial"], made["variational"]) == (adversarial, variational)
  assert (made["generates"], made["encodes"]) == (True, variational)
  assert made["family"] == ("GAN" if adversarial else "VAE")
  assert made["sampling_flops"] > 2 * made["sampling_parameters"] and "flops_reason" not in made
  assert made["flops_per_step"] == compiled.flops
  assert made["flops_per_step"] > 1e4
  assert made["parameters"] == {
    player: cost.size(net["params"]) for player, net in tiny.state(compiled.method).nets.items()
  }


def renamed(m, old, new):
  """Returns a method whose player `old` is called `new`."""

  def back(nets):
    return {old if player == new else player: net for player, net in nets.items()}

  def forth(nets):
    return {new if player == old else player: net for player, net in nets.items()}

  def turn_of(turn):
    def loss(params, nets, *rest):
      value, (changed, metrics) = turn.loss(params, back(nets), *rest)
      return value, (forth(changed), metrics)

    return turn._replace(player=new if turn.player == old else turn.player, loss=loss)

  return m._replace(
    init=lambda *args: forth(m.init(*args)),
    turns=tuple(map(turn_of, m.turns)),
    generate=lambda nets, *args: m.generate(back(nets), *args),
    alarms=tuple(alarm._replace(name=alarm.name.replace(old, new)) for alarm in m.alarms),
  )


def test_an_adversary_of_any_name_makes_a_gan(capsys):
  """run.json says so, and the alarms watch its numbers: here of a generator that makes one image."""
  c = config("gan", steps=4)
  dataset = program.load_data(c, "train")
  m = renamed(tiny.method("gan", network="dense"), "critic", "discriminator")
  compiled = program.compile_method(m, c, dataset)
  made = cost.training(compiled, c)
  assert made["adversarial"] and not made["variational"]
  assert made["updates_per_step"] == {"discriminator": 1, "generator": 1}
  log: Any = types.SimpleNamespace(advance=print, numbers=print, say=print)
  window = Window(log, 1, 64, m.alarms)
  numbers = {"discriminator/diversity": jnp.zeros(1), "generator/image_gradient": jnp.ones(1)}
  window.push(1000, [Numbers(numbers)])
  window.flush()
  assert "discriminator/diversity at step 1000, below 0.4" in capsys.readouterr().out


def test_operations_are_counted_turn_by_turn_as_often_as_they_are_done():
  """As in the whole step without loops; only the means over the repeats of what is logged are not counted."""
  c = config("wgan_gp", ema=0.9)
  c.method_args.n_critic, dataset = 4, program.load_data(c, "train")
  m = methods.build(c, program.spec_of(c, dataset))
  shapes = jax.eval_shape(lambda: tiny.state(m, ema=0.9))
  whole = step.dispatch(m, batch_size=8, ema=0.9)
  lowered = whole.lower(jnp.arange(1), np.uint32(0), shapes, (dataset.image, dataset.label))
  arrays = program.abstract((dataset.image, dataset.label))
  counted = flops.count_on_cpu(m, c, shapes, arrays, devices=1)
  assert counted == pytest.approx(flops.count_flops(lowered), rel=1e-3)


def test_what_is_not_counted_is_null_with_its_reason(monkeypatch, tmp_path):
  """A backend that counts nothing; and one beside which there is no CPU backend."""

  def no_cpu(**_):
    raise RuntimeError("Unknown backend cpu")

  for found in ({"bytes accessed": 1.0}, None, {"flops": math.nan}):
    counted: Any = types.SimpleNamespace(cost_analysis=lambda found=found: found)
    assert flops.count_flops(counted) is None
  c = config("vae")
  c.method_args.network = "dense"
  monkeypatch.setattr(flops, "count_flops", lambda _: None)
  compiled = program.compile_program(c, program.load_data(c, "train"))
  assert (compiled.flops, reason := compiled.flops_reason) == (
    None,
    "XLA counts no operations of this program",
  )
  cost.write(tmp_path, compiled, c)
  made = json.loads((tmp_path / "run.json").read_text())
  assert (made["flops_per_step"], made["flops_reason"]) == (None, reason)
  monkeypatch.setattr(program, "compile_program", lambda *_: compiled)
  found = bench.bench(c, 1)
  assert (found["flops_per_step"], found["peak_share"]) == (None, None)
  assert found["flops_reason"] == reason
  assert json.loads(json.dumps(found, allow_nan=False))["step_seconds"] > 0
  assert f"GFLOP a step: - ({reason})" in loop.describe(
    compiled, c, program.load_data(c, "train"), tiny.state(compiled.method)
  )
  monkeypatch.setattr(jax, "local_devices", no_cpu)
  assert flops.count_on_cpu(compiled.method, c, compiled.shapes, (None, None), 1) is None
  assert "set JAX_PLATFORMS=cpu,cpu" in flops.reason_not_counted()


def test_the_peak_of_an_unknown_device_is_that_of_a_product():
  assert 1e9 < bench.peak() < 1e14


def test_sampling_takes_as_many_operations_as_its_layers_need():
  m = tiny.method("vae")
  run = Run(config("vae"), 0, tiny.SPEC, m, tiny.state(m).nets)
  found = speed.sampling(run)
  assert found["images_per_second"] > 0
  assert found["flops_per_image"] == cost.sampling(m, run.nets)["sampling_flops"]
