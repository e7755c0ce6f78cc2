"""Operations of sampling: every iteration of a loop counts, by hand and beside XLA's count without loops."""

import jax
import jax.numpy as jnp
import pytest
import tiny
from jax import lax

from gengap.method import Kind
from gengap.training import cost, flops, sampling_cost
from gengap.training.sampling_cost import UncountableError, count

X, W = jnp.ones((4, 8)), jnp.full((8, 8), 0.1)
LAYER = 2 * 4 * 8 * 8 + 4 * 8  # a product and a factor; XLA has tanh among the transcendental ones


def layer(x):
  return 2 * jnp.tanh(x @ W)


def repeated(x, times):
  for _ in range(times):
    x = layer(x)
  return x


def scanned(x, times, unroll=1):
  return lax.scan(lambda c, _: (layer(c), None), x, None, length=times, unroll=unroll)[0]


def looped(x, times):
  return lax.fori_loop(0, times, lambda i, c: layer(c), x)


def counting(x, start, stop, step):
  """A while loop that adds 1 to the number of its layers for every layer, and tests it once more."""
  return lax.while_loop(lambda c: c[0] < stop, lambda c: (c[0] + step, layer(c[1])), (start, x))[1]


@jax.custom_vjp
def with_own_gradient(x):
  return scanned(x, 3)


with_own_gradient.defvjp(lambda x: (with_own_gradient(x), None), lambda _, g: (g,))


@jax.custom_jvp
def with_own_tangent(x):
  return scanned(x, 3)


with_own_tangent.defjvp(lambda x, t: (with_own_tangent(*x), t[0]))


@pytest.mark.parametrize(
  ("function", "layers", "others"),
  [
    (layer, 1, 0),
    (lambda x: repeated(x, 7), 7, 0),
    (lambda x: scanned(x, 7), 7, 0),
    (lambda x: scanned(x, 7, unroll=7), 7, 0),
    (lambda x: lax.scan(lambda c, _: (scanned(c, 3), None), x, None, length=4)[0], 12, 0),
    (lambda x: looped(x, 5), 5, 5),  # and its counter
    (lambda x: counting(x, 0, 9, 2), 5, 5 + 6),
    (lambda x: counting(x, 9, 9, 2), 0, 1),
    (lambda x: jax.jit(looped)(x, 6), 6, 6 + 7),  # a while loop: the bound is an argument
    (with_own_gradient, 3, 0),
    (with_own_tangent, 3, 0),
    (jax.checkpoint(with_own_gradient), 3, 0),
    (lambda x: jax.jit(with_own_gradient)(x) + 1, 3, 32),
    (lambda x: lax.cond(True, lambda x: scanned(x, 2), lambda x: repeated(x, 5), x), 5, 0),
    (lambda x: lax.switch(1, [lambda x: x, lambda x: scanned(x, 2)], x), 2, 0),
  ],
)
def test_loops_count_as_often_as_they_run(function, layers, others):
  assert count(function, X) == layers * LAYER + others


def test_xla_counts_the_body_of_a_loop_once_and_the_same_layers_without_it():
  def by_xla(function):
    return flops.count_flops(jax.jit(function).lower(X))

  assert by_xla(layer) == LAYER
  assert by_xla(lambda x: repeated(x, 7)) == count(lambda x: scanned(x, 7), X)
  assert (by_xla(lambda x: scanned(x, 7)) or 0) < 2 * LAYER


def changing_bound(x):
  return lax.while_loop(lambda c: c[0] < c[1], lambda c: (c[0] + 1, c[1] - 1, layer(c[2])), (0, 9, x))[2]


@pytest.mark.parametrize(
  "function",
  [
    lambda x: lax.while_loop(lambda x: x.sum() < 9, layer, x),
    lambda x: counting(x, 0, x[0, 0].astype(int), 1),
    lambda x: counting(x, x[0, 0].astype(int), 9, 1),
    lambda x: counting(x, 0, 9, -1),
    changing_bound,
    lambda x: scanned(lax.while_loop(lambda c: c[0] > 1, lambda c: (c[0] - 1, layer(c[1])), (9, x))[1], 2),
  ],
)
def test_a_loop_of_unknown_length_is_not_counted(function):
  with pytest.raises(UncountableError, match="how often a while loop runs"):
    count(function, X)


def sampler(step):
  """A method without training that generates by a step of a solver, from as many latents as an image has."""
  dim = 64

  def generate(nets, z, label):
    del label
    x = step(lambda x: x + jnp.tanh(x @ nets["denoiser"]["params"]["w"]), z)
    return x.reshape(-1, 8, 8, 1)

  bare = tiny.method("vae")
  nets = {"denoiser": {"params": {"w": jnp.zeros((dim, dim))}}}
  return bare._replace(latent_dim=dim, generate=generate, kind=Kind.DIFFUSION, density=None), nets


def test_a_sampler_costs_all_evaluations_of_its_network():
  """Two networks a step, as in Heun's method: as many operations as without the loop."""

  def heun(evaluate, z):
    return lax.scan(lambda x, _: (evaluate(evaluate(x)), None), z, None, length=18)[0]

  method, nets = sampler(heun)
  assert cost.sampling(method, nets) == {
    "sampling_parameters": 64 * 64,
    "sampling_flops": 18 * 2 * (2 * 64 * 64 + 64),
  }


def test_a_sampler_of_unknown_length_says_so():
  method, nets = sampler(lambda evaluate, z: lax.while_loop(lambda x: x.max() < 1, evaluate, z))
  found = cost.sampling(method, nets)
  assert found["sampling_flops"] is None
  assert "how often a while loop runs" in found["sampling_flops_reason"]


def test_without_a_cpu_backend_the_reason_is_given(monkeypatch):
  monkeypatch.setattr(flops, "cpu", lambda: None)
  method, nets = sampler(lambda evaluate, z: evaluate(z))
  assert "set JAX_PLATFORMS=cpu,cpu" in cost.sampling(method, nets)["sampling_flops_reason"]


def test_methods_without_loops_cost_what_xla_counts():
  method = tiny.method("gan", network="dense")
  nets = tiny.state(method).nets
  z, label = jnp.zeros((256, method.latent_dim)), jnp.zeros(256, jnp.int32)
  assert method.generate
  expected = flops.count_flops(jax.jit(method.generate).lower(nets, z, label)) or 0
  assert sampling_cost.per_image(method, nets) == (expected / 256, "")
