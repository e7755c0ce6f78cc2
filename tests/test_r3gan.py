"""The residual pair of R3GAN: its sizes, how it starts, and its resampling."""

import functools
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from test_networks import count, linear, shapes

from gengap.errors import InputError
from gengap.methods import METHODS
from gengap.networks import NETWORKS, bilinear, convolution, r3gan
from gengap.training import flops, step

FAMILY = NETWORKS["r3gan"]
LATENT = 6


def block(width, inner, group=16):
  """Parameters of a residual block: three kernels, and the biases of two activations."""
  return 2 * width * inner + 9 * group * inner + 2 * inner


def test_parameters_of_the_papers_largest_pair():
  """FFHQ at 256x256: 23.058 million of the generator, 23.010 million of the critic (config E there).

  Seven stages of two blocks, and a 1x1 convolution where the width changes. The decoder has 768 biases more.
  """
  widths = [768] * 4 + [384, 192, 96]
  both = sum(2 * block(w, 2 * w) for w in widths) + sum(a * b for a, b in itertools.pairwise(widths[3:]))
  generator = both + 16 * 768 + 64 * 768 + 96 * 3
  critic = both + 3 * 96 + 16 * 768 + 768
  _, g = shapes(FAMILY.decoder(shape=(256, 256, 3)), jnp.zeros((1, 64)))
  _, d = shapes(FAMILY.encoder(outputs=1), jnp.zeros((1, 256, 256, 3)))
  assert (count(g["params"]) - 768, count(d["params"])) == (generator, critic)
  assert (round(generator / 1e6, 3), round(critic / 1e6, 3)) == (23.058, 23.010)


@pytest.mark.parametrize(
  ("size", "maps", "width", "inner"),
  [
    (28, [7, 14, 28], 12, 32),
    (32, [4, 8, 16, 32], 30, 64),
    (64, [4, 8, 16, 32, 64], 4, 8),
    *((8, [4, 8], width, inner) for width, inner in ((1, 2), (4, 8), (16, 32))),
  ],
)
def test_any_width_has_groups_of_16_or_one_group(size, maps, width, inner):
  image = (size, size, 1)
  x, decoder = shapes(FAMILY.decoder(shape=image, width=width), jnp.zeros((2, LATENT)))
  code, encoder = shapes(FAMILY.encoder(outputs=3, width=width), jnp.zeros((2, *image)))
  assert (x.shape, code.shape) == ((2, *image), (2, 3))
  assert set(decoder) == {"params"}  # no BatchNorm
  assert {"params"} <= set(encoder) <= {"params", "intermediates"}
  assert decoder["params"]["basis"].shape == (maps[0], maps[0], width)
  blocks = [f"Block_{i}" for i in range(2 * len(maps))]
  first = decoder["params"][blocks[0]]
  want = [(1, 1, width, inner), (3, 3, min(inner, 16), inner), (1, 1, inner, width)]
  assert [first[f"Conv_{i}"]["kernel"].shape for i in range(3)] == want
  for params in (decoder["params"], encoder["params"]):
    assert [name for name in params if name.startswith("Block")] == blocks
  last = decoder["params"][blocks[-1]]["Conv_2"]["kernel"].shape[-1]
  assert last == encoder["params"]["Block_0"]["Conv_2"]["kernel"].shape[-1]
  assert last == (max(1, width // 2) if size == 64 else width)


def test_a_residual_block_starts_as_the_identity():
  """Fix-up: the last kernel is 0, and the others have the standard deviation gain / sqrt(fan_in) L^(-1/4)."""
  module, x = r3gan.Block(blocks=81, expansion=2), jax.random.normal(jax.random.key(0), (2, 5, 5, 64))
  y, variables = jax.jit(lambda x: module.init_with_output(jax.random.key(1), x))(x)
  np.testing.assert_array_equal(y, x)
  gain = math.sqrt(2 / 1.04) / 3
  kernels: list[Any] = [variables["params"][f"Conv_{i}"]["kernel"] for i in range(3)]
  deviations = [float(jnp.std(kernel)) for kernel in kernels]
  assert deviations == pytest.approx([gain / math.sqrt(64), gain / math.sqrt(9 * 16), 0.0], rel=0.03)


def test_both_networks_start_as_linear_functions_of_their_transition_layers():
  """No block changes anything at first, so with several latents the image is linear in z; then it is not."""
  module: Any = FAMILY.decoder(shape=(8, 8, 1), width=8)
  z = jax.random.normal(jax.random.key(0), (3, LATENT))
  z = z.at[2].set(z[0] + z[1])
  variables = module.init(jax.random.key(1), z, train=False)
  apply = jax.jit(lambda v: module.apply(v, z, train=False))
  x = apply(variables)
  np.testing.assert_allclose(x[2], x[0] + x[1], atol=1e-5)
  for i in range(4):
    variables["params"][f"Block_{i}"]["Conv_2"]["kernel"] += 0.1
  x = apply(variables)
  assert np.abs(x[2] - x[0] - x[1]).max() > 0.01


def test_the_first_map_is_a_basis_times_a_linear_function_of_z():
  module: Any = FAMILY.decoder(shape=(4, 4, 1), width=3)
  z = jax.random.normal(jax.random.key(0), (2, LATENT))
  x, variables = module.init_with_output(jax.random.key(1), z, train=False)
  params = jax.tree.map(np.asarray, variables["params"])
  scale = np.asarray(z) @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"]
  want = np.einsum("hwc,bc,c->bhw", params["basis"], scale, params["Conv_0"]["kernel"][0, 0, :, 0])
  np.testing.assert_allclose(x[..., 0], want, atol=1e-5)


def test_the_critic_ends_in_a_weighted_sum_of_each_channel():
  module: Any = FAMILY.encoder(outputs=2, width=3)
  x = jax.random.normal(jax.random.key(0), (2, 4, 4, 1))
  y, variables = module.init_with_output(jax.random.key(1), x, train=False)
  params = jax.tree.map(np.asarray, variables["params"])
  first, last = params["Conv_0"]["kernel"][0, 0, 0], params["Dense_0"]["kernel"]
  want = np.einsum("bhw,c,hwc,co->bo", x[..., 0], first, params["kernel"][:, :, 0], last)
  np.testing.assert_allclose(y, want, atol=1e-5)
  assert params["kernel"].size + last.size == linear(3, 2) - 2 + 48  # no bias


def interpolation(n):
  """The matrix [2n, n] of linear interpolation by 2: output k lies at k / 2 - 1/4; zeros lie outside."""
  at = np.arange(2 * n) / 2 - 0.25
  return np.maximum(1 - np.abs(at[:, None] - np.arange(n)), 0)


def test_bilinear_resampling_is_its_definition():
  x = np.random.default_rng(0).normal(size=(2, 6, 4, 3)).astype(np.float32)
  up = np.einsum("ih,jw,bhwc->bijc", interpolation(6), interpolation(4), x)
  np.testing.assert_allclose(jax.jit(bilinear.upsample)(x), up, atol=1e-5)
  down = np.einsum("hi,wj,bhwc->bijc", interpolation(3) / 2, interpolation(2) / 2, x)
  np.testing.assert_allclose(jax.jit(bilinear.downsample)(x), down, atol=1e-5)
  inner = np.asarray(jax.image.resize(x, (2, 12, 8, 3), "bilinear"))[:, 1:-1, 1:-1]
  np.testing.assert_allclose(up[:, 1:-1, 1:-1], inner, atol=1e-5)
  assert bilinear.downsample(bilinear.upsample(jnp.bfloat16(x))).dtype == jnp.bfloat16


def test_bfloat16_is_near_float32():
  x = jax.random.normal(jax.random.key(0), (2, 8, 8, 1))
  exact: Any = FAMILY.encoder(outputs=4, width=8)
  variables = exact.init(jax.random.key(1), x, train=False)
  for i in range(4):
    variables["params"][f"Block_{i}"]["Conv_2"]["kernel"] += 0.1
  a, b = (
    jax.jit(m.apply, static_argnames="train")(variables, x, train=False)
    for m in (exact, exact.clone(dtype="bfloat16"))
  )
  assert 0 < np.abs(a - b).max() < 0.05 * np.abs(a).max()


@pytest.mark.parametrize("name", ["relativistic_gan", "vae", "ae", "vae_gan"])
def test_gans_and_autoencoders_can_use_it(name):
  """Traces a training step."""
  m = METHODS[name](tiny.SPEC, **(tiny.ARGS[name] | {"network": "r3gan"}))
  state = jax.eval_shape(functools.partial(tiny.state, m))
  run = step.dispatch(m, batch_size=4)
  after, numbers = jax.eval_shape(run, jnp.arange(1), np.uint32(0), state, tiny.data())
  assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, state)
  assert all(number.shape == (1,) for number in numbers.values())


def test_kernels_that_start_at_0_have_no_spectral_norm():
  with pytest.raises(InputError, match=r"spectral_norm is 'critic'.*'r3gan' start at 0"):
    METHODS["hinge"](tiny.SPEC, network="r3gan", width=4, spectral_norm="critic")


def test_options_that_it_lacks_are_named():
  with pytest.raises(InputError, match="attention is True, which network 'r3gan' does not have"):
    METHODS["gan"](tiny.SPEC, network="r3gan", width=4, attention=True)


def test_as_many_operations_are_counted_with_either_formulation(monkeypatch):
  """So a budget in FLOPs does not depend on the backend, but for some sums."""
  module: Any = FAMILY.encoder(outputs=1, width=16)
  x = jnp.zeros((2, 8, 8, 1))
  variables = jax.eval_shape(lambda: module.init(jax.random.key(0), x, train=False))

  def penalty(variables, x):
    return jnp.sum(jax.grad(lambda x: module.apply(variables, x, train=False).sum())(x) ** 2)

  found = []
  for stock in (True, False):
    monkeypatch.setattr(convolution, "stock", lambda stock=stock: stock)
    found.append(flops.count_flops(jax.jit(lambda *args: jax.grad(penalty)(*args)).lower(variables, x)))
  assert found[0] == pytest.approx(found[1], rel=2e-3)
  assert found[0] > 1e6
