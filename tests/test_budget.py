"""What runs are said to cost."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from test_train import config

from gengap import budget, program
from gengap.run import Run

GENERATES = [name for name in tiny.ARGS if name != "classifier" and tiny.method(name).generate]


@pytest.mark.parametrize("name", GENERATES)
def test_sampling_parameters_are_those_that_reach_an_image(name):
  m = tiny.method(name)
  nets = tiny.state(m).nets
  z, label = jnp.ones((2, m.latent_dim)), jnp.zeros(2, jnp.int32)
  flat, tree = jax.tree_util.tree_flatten_with_path(nets)
  generate, reaching = jax.jit(m.generate), 0
  for i, (path, leaf) in enumerate(flat):
    spoilt = [x if j != i else jnp.full_like(x, jnp.nan) for j, (_, x) in enumerate(flat)]
    spoils = np.isnan(generate(jax.tree.unflatten(tree, spoilt), z, label)).any()
    reaching += leaf.size * bool(spoils and path[1].key == "params")
  assert budget.sampling_parameters(m, nets) == reaching
  assert 0 < reaching < budget.size([net["params"] for net in nets.values()])


@pytest.mark.parametrize(
  ("name", "updates", "adversarial", "variational"),
  [("wgan_gp", {"critic": 2, "generator": 1}, True, False), ("vae", {"vae": 1}, False, True)],
)
def test_a_training_is_what_its_turns_say(name, updates, adversarial, variational):
  c = config(name)
  compiled = program.compile_program(c, program.load_data(c, "train"))
  made = budget.training(compiled, c)
  assert made["updates_per_step"] == updates
  assert made["images_per_step"] == c.batch_size * sum(updates.values())
  assert (made["adversarial"], made["variational"]) == (adversarial, variational)
  assert (made["generates"], made["encodes"]) == (True, variational)
  assert made["flops_per_step"] == compiled.flops > 1e4
  assert made["parameters"] == {
    player: budget.size(net["params"]) for player, net in tiny.state(compiled.method).nets.items()
  }


def test_operations_in_a_loop_are_counted_as_often_as_they_are_done(monkeypatch):
  c = config("wgan_gp")
  c.method_args.n_critic, dataset = 4, program.load_data(c, "train")
  unrolled = program.compile_program(c, dataset).flops
  monkeypatch.setattr("gengap.step.unrolled", lambda: False)
  assert 0.8 < program.compile_program(c, dataset).flops / unrolled < 1.25


def test_sampling_takes_as_many_operations_as_its_layers_need():
  m = tiny.method("vae")
  run = Run(config("vae"), 0, tiny.SPEC, m, tiny.state(m).nets)
  found = budget.sampling(run)
  assert found["images_per_second"] > 0
  assert found["flops_per_image"] > 2 * budget.sampling_parameters(m, run.nets)
