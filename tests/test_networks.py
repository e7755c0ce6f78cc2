"""The families of networks: shapes, sizes of parameters counted by hand, and what may depend on what."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gengap.errors import InputError
from gengap.method import AXIS
from gengap.networks import NETWORKS, Family, grid, spectral
from gengap.networks.attention import Attention
from gengap.networks.layers import dropout

LATENT = 6
SMALL = (8, 8, 1)


def count(params):
  return sum(p.size for p in jax.tree.leaves(params))


def code_size(family, size):
  """Any number; of small_map, with a width of 8, that of its smallest map."""
  return 16 * (size // 4) ** 2 if family == "small_map" else LATENT


def shapes(module, x):
  """Shapes of a module's output and variables, computing neither."""
  return jax.eval_shape(lambda x: module.init_with_output(jax.random.key(0), x, train=False), x)


@pytest.mark.parametrize("size", [16, 28, 32, 64])
@pytest.mark.parametrize(("channels", "dtype"), [(1, "float32"), (3, "bfloat16")])
@pytest.mark.parametrize("family", NETWORKS)
def test_shapes_and_dtypes(family, channels, dtype, size):
  shape, numbers = (size, size, channels), code_size(family, size)
  decoder = NETWORKS[family].decoder(shape=shape, width=8, dtype=dtype)
  encoder = NETWORKS[family].encoder(outputs=numbers, width=8, dtype=dtype)
  image, variables = shapes(decoder, jnp.zeros((2, numbers)))
  code, more = shapes(encoder, jnp.zeros((2, *shape)))
  assert (image.shape, image.dtype) == ((2, *shape), jnp.float32)
  assert (code.shape, code.dtype) == ((2, numbers), jnp.float32)
  assert {p.dtype for p in jax.tree.leaves((variables, more))} == {jnp.dtype("float32")}


def linear(i, o):
  return i * o + o


def conv(i, o, k=3, bias=True):
  return k * k * i * o + bias * o


def test_parameters_of_the_resnet_pair_by_hand():
  up = 2 * conv(128, 128, bias=False) + conv(128, 128, 1, bias=False) + 2 * 256  # two BN of 128: scale, bias
  generator = linear(128, 16 * 128) + 3 * up + 256 + conv(128, 3)
  critic = conv(3, 128) + conv(128, 128) + conv(3, 128, 1)
  critic += 2 * conv(128, 128) + conv(128, 128, 1) + 4 * conv(128, 128) + linear(128, 1)
  family = NETWORKS["resnet"]
  _, g = shapes(family.decoder(shape=(32, 32, 3)), jnp.zeros((1, 128)))
  _, d = shapes(family.encoder(outputs=1), jnp.zeros((1, 32, 32, 3)))
  assert (count(g["params"]), count(d["params"])) == (generator, critic) == (1_203_331, 1_053_825)
  assert "batch_stats" in g
  assert "batch_stats" not in d  # a gradient penalty is of one image at a time


def test_parameters_of_the_conv_pair_by_hand():
  encoder = conv(3, 32) + conv(32, 64) + conv(64, 128) + conv(128, 256) + linear(4096, 2048)
  decoder = linear(1024, 4096) + conv(256, 128, 4) + conv(128, 64, 4) + conv(64, 32, 4) + conv(32, 3)
  family = NETWORKS["conv"]
  _, e = shapes(family.encoder(outputs=2048), jnp.zeros((1, 32, 32, 3)))
  _, d = shapes(family.decoder(shape=(32, 32, 3)), jnp.zeros((1, 1024)))
  assert (count(e["params"]), count(d["params"])) == (encoder, decoder) == (8_779_072, 4_887_619)


def test_parameters_of_the_dense_pair_by_hand():
  decoder = linear(100, 256) + linear(256, 512) + linear(512, 1024) + linear(1024, 784)
  encoder = linear(784, 1024) + linear(1024, 512) + linear(512, 256) + linear(256, 1)
  family = NETWORKS["dense"]
  _, g = shapes(family.decoder(shape=(28, 28, 1)), jnp.zeros((1, 100)))
  _, d = shapes(family.encoder(outputs=1), jnp.zeros((1, 28, 28, 1)))
  assert (count(g["params"]), count(d["params"])) == (decoder, encoder)


def test_parameters_of_the_dcgan_pair_by_hand():
  family = NETWORKS["dcgan"]
  _, g = shapes(family.decoder(shape=(28, 28, 1), width=32), jnp.zeros((1, 100)))
  _, d = shapes(family.encoder(outputs=1, width=32), jnp.zeros((1, 28, 28, 1)))
  generator = linear(100, 49 * 64) + 2 * 64 + conv(64, 32, 4, bias=False) + 2 * 32 + conv(32, 1, 4)
  critic = conv(1, 32, 4) + conv(32, 64, 4) + linear(49 * 64, 1)
  assert (count(g["params"]), count(d["params"])) == (generator, critic) == (350_209, 36_513)
  _, g = shapes(family.decoder(shape=(64, 64, 3), width=64), jnp.zeros((1, 100)))
  assert g["params"]["Dense_0"]["kernel"].shape == (100, 16 * 512)  # one more stage


@pytest.mark.parametrize("family", ["dense", "conv", "dcgan", "r3gan", "resnet", "small"])
def test_a_decoder_can_draw_a_shape_at_the_origin_of_its_latents(family):
  """Its biases differ from place to place: else all images at z = 0 were one repeated patch."""
  module: Any = NETWORKS[family].decoder(shape=(32, 32, 1), width=8)
  z = jnp.zeros((1, LATENT))
  variables = tiny.init(module, jax.random.key(0), z, train=False)
  leaves, tree = jax.tree.flatten(variables["params"])
  rng = np.random.default_rng(1)
  noisy = [x + 0.1 * rng.standard_normal(x.shape, np.float32) for x in jax.device_get(leaves)]
  image = tiny.apply(module, variables | {"params": jax.tree.unflatten(tree, noisy)}, z, train=False)
  patches = np.asarray(image).reshape(4, 8, 4, 8)[1:3, :, 1:3]  # away from the border
  assert patches.std((0, 2)).mean() > 0.1 * np.std(image)


def test_a_larger_image_takes_one_more_stage():
  downs = {}
  for size in (16, 28, 32, 64):
    _, d = shapes(NETWORKS["resnet"].encoder(outputs=1, width=8), jnp.zeros((1, size, size, 1)))
    downs[size] = sum(name.startswith("Down") for name in d["params"])
  assert downs == {16: 2, 28: 2, 32: 2, 64: 3}


@pytest.mark.parametrize("family", ["conv", "dcgan", "resnet"])
def test_attention_starts_as_nothing_and_then_sees_the_whole_map(family):
  """With gamma at 0 it is the identity; with another gamma every pixel of its map sees every other."""
  modules: list[tuple[Any, jax.Array]] = [
    (NETWORKS[family].encoder(outputs=2, width=8, attention=True), jnp.ones((2, 8, 8, 1))),
    (NETWORKS[family].decoder(shape=SMALL, width=8, attention=True), jnp.ones((2, LATENT))),
  ]
  for module, x in modules:
    plain = module.clone(attention=False)
    variables = tiny.init(module, jax.random.key(0), x, train=False)
    without = jax.tree.map(jnp.copy, variables)
    gamma = variables["params"]["Attention_0"].pop("gamma")
    del without["params"]["Attention_0"]
    assert gamma == 0
    variables["params"]["Attention_0"]["gamma"] = gamma
    same = tiny.apply(plain, without, x, train=False)
    np.testing.assert_allclose(tiny.apply(module, variables, x, train=False), same, atol=1e-6)
    variables["params"]["Attention_0"]["gamma"] = jnp.float32(1.0)
    assert np.abs(tiny.apply(module, variables, x, train=False) - same).max() > 1e-4


def test_attention_is_what_the_paper_says():
  x = np.random.default_rng(0).normal(size=(2, 3, 3, 16)).astype(np.float32)
  module: Any = Attention()
  variables = tiny.init(module, jax.random.key(0), x)
  variables["params"]["gamma"] = jnp.float32(0.7)
  f, g, h, v = (np.asarray(variables["params"][k]["kernel"], np.float64)[0, 0] for k in "fghv")
  exact = x.astype(np.float64).reshape(2, 9, 16)
  for image, found in zip(exact, module.apply(variables, x).reshape(2, 9, 16), strict=True):
    want = np.empty((9, 16))
    for j in range(9):
      score = np.array([(image[i] @ f) @ (image[j] @ g) for i in range(9)])
      beta = np.exp(score) / np.exp(score).sum()
      want[j] = image[j] + 0.7 * (sum(beta[i] * (image[i] @ h) for i in range(9)) @ v)
    np.testing.assert_allclose(found, want, atol=1e-5)


def test_attention_needs_a_map_of_half_the_side():
  with pytest.raises(InputError, match="8x8 at least"):
    shapes(NETWORKS["resnet"].encoder(outputs=1, width=8, attention=True), jnp.zeros((1, 7, 7, 1)))
  with pytest.raises(InputError, match="8x8 at least"):
    shapes(NETWORKS["dcgan"].decoder(shape=(5, 5, 1)), jnp.zeros((1, LATENT)))


def test_dropout_drops_a_share_and_keeps_the_mean():
  keys = jax.random.split(jax.random.key(0), 8)
  x = jnp.ones((8, 50, 50))
  y = np.asarray(dropout(x, 0.3, keys, layer=0))
  assert set(np.unique(y)) == {0, np.float32(2**16 / (2**16 - round(0.3 * 2**16)))}
  assert abs((y == 0).mean() - 0.3) < 4 * np.sqrt(0.21 / y.size)
  assert abs(y.mean() - 1) < 0.02
  np.testing.assert_array_equal(dropout(x[2:3], 0.3, keys[2:3], layer=0)[0], y[2])  # an example's own key
  assert not np.array_equal(y[0], y[1])
  assert not np.array_equal(y, dropout(x, 0.3, keys, layer=1))
  assert dropout(x, 0.3, None, layer=0) is x


@pytest.mark.parametrize("family", ["dense", "dcgan", "resnet"])
def test_encoders_drop_where_they_get_keys(family):
  x = jax.random.normal(jax.random.key(0), (4, *SMALL))
  encoder: Any = NETWORKS[family].encoder(outputs=3, width=8, dropout=0.5)
  variables = tiny.init(encoder, jax.random.key(1), x, train=False)
  still = tiny.apply(encoder, variables, x, train=False)
  np.testing.assert_array_equal(still, tiny.apply(encoder.clone(dropout=0.0), variables, x, train=False))
  keys = jax.random.split(jax.random.key(2), 4)
  assert np.abs(still - tiny.apply(encoder, variables, x, train=True, keys=keys)).max() > 1e-4


def test_normalised_kernels_have_a_largest_singular_value_of_one():
  """After enough rounds; and the power iteration gets there from where it left off, not from the start."""
  encoder = NETWORKS["dcgan"].encoder(outputs=3, width=8, attention=True)
  params = jax.tree.map(
    lambda p: 3 * p, tiny.init(encoder, jax.random.key(0), jnp.zeros((1, 8, 8, 3)), train=False)
  )
  variables = {**params, "spectral": spectral.init(jax.random.key(1), params["params"])}

  def largest(variables):
    found = spectral.kernels(spectral.normalised(variables)["params"])
    return np.array([np.linalg.svd(w, compute_uv=False)[0] for w in found.values()])

  assert len(largest(variables)) == 1 + 4 + 1  # one convolution, attention, the last layer
  before = np.abs(largest(variables) - 1).max()
  for _ in range(100):
    variables = spectral.advance(variables)
  assert np.abs(largest(variables) - 1).max() < 1e-3 < 1e-1 < before
  biases = lambda v: [v["params"][k]["bias"] for k in ("Conv_0", "Dense_0")]  # noqa: E731
  np.testing.assert_array_equal(biases(spectral.normalised(variables))[0], biases(variables)[0])


def test_the_gradient_through_a_normalised_kernel_is_the_papers():
  """Equation 12 there: dW_sn = (dW - <W_sn, dW> u v^T) / sigma, against finite differences."""
  w = jax.random.normal(jax.random.key(0), (6, 4))
  variables = {"params": {"kernel": w}, "spectral": spectral.init(jax.random.key(1), {"kernel": w})}
  for _ in range(200):
    variables = spectral.advance(variables)
  weight = jax.random.normal(jax.random.key(2), (6, 4))

  def f(w):
    return jnp.sum(weight * spectral.normalised({**variables, "params": {"kernel": w}})["params"]["kernel"])

  found = np.asarray(jax.grad(f)(w))
  exact = np.asarray(w, np.float64)
  for i, j in np.ndindex(6, 4):
    ends = []
    for h in (1e-5, -1e-5):
      moved = exact.copy()
      moved[i, j] += h
      ends.append(np.sum(np.asarray(weight) * moved) / np.linalg.svd(moved, compute_uv=False)[0])
    np.testing.assert_allclose(found[i, j], (ends[0] - ends[1]) / 2e-5, atol=2e-3)


def test_a_kernel_counts_as_a_matrix_from_all_inputs_to_outputs():
  kernel = np.arange(3 * 3 * 2 * 5).reshape(3, 3, 2, 5)
  (found,) = spectral.kernels({"layer": {"kernel": kernel, "bias": np.zeros(5)}}).values()
  np.testing.assert_array_equal(found, kernel.reshape(18, 5))


def test_no_gradient_flows_into_the_power_iteration():
  """Not even before it has converged, where the singular value does depend on its vectors."""
  w, weight = jax.random.normal(jax.random.key(0), (2, 6, 4))
  start = spectral.init(jax.random.key(1), {"kernel": w})
  after = spectral.advance({"params": {"kernel": w}, "spectral": start})["spectral"]

  def f(w, vectors, advance):
    found = spectral.normalised(advance({"params": {"kernel": w}, "spectral": vectors}))
    return jnp.sum(weight * found["params"]["kernel"])

  found, want = jax.grad(f)(w, start, spectral.advance), jax.grad(f)(w, after, lambda variables: variables)
  np.testing.assert_allclose(found, want, atol=1e-5)


@pytest.mark.parametrize("family", NETWORKS)
def test_inference_treats_every_example_alone(family):
  decoder = NETWORKS[family].decoder(shape=SMALL, width=8)
  encoder = NETWORKS[family].encoder(outputs=code_size(family, 8), width=8)

  @jax.jit
  def run(z):
    image, _ = decoder.init_with_output(jax.random.key(1), z, train=False)
    return image, encoder.init_with_output(jax.random.key(2), image, train=False)[0]

  z = jax.random.normal(jax.random.key(0), (4, code_size(family, 8)))
  for alone, together in zip(run(z.at[1:].set(0.0)), run(z), strict=True):
    np.testing.assert_allclose(alone[0], together[0], rtol=1e-4, atol=1e-5)
    assert not np.allclose(alone[1], together[1], atol=1e-4)


def test_only_decoders_with_batchnorm_couple_a_training_batch():
  coupled = set()
  for name, family in NETWORKS.items():
    decoder = family.decoder(shape=SMALL, width=8)
    z = jax.random.normal(jax.random.key(0), (4, code_size(name, 8)))
    variables = jax.jit(lambda z, d=decoder: d.init(jax.random.key(1), z, train=False))(z)

    @functools.partial(jax.vmap, axis_name=AXIS)
    def run(z, decoder=decoder, variables=variables):
      return decoder.apply(variables, z, train=True, mutable=["batch_stats"])[0]

    run = jax.jit(run)
    if not np.allclose(run(z[None])[0, 0], run(z.at[1:].set(0.0)[None])[0, 0], atol=1e-3):
      coupled.add(name)
  assert coupled == {"resnet", "dcgan"}


@pytest.mark.parametrize("family", NETWORKS)
def test_the_output_has_no_nonlinearity(family):
  decoder = NETWORKS[family].decoder(shape=SMALL, width=8)
  z = 1000.0 * jax.random.normal(jax.random.key(0), (8, code_size(family, 8)))
  image = jax.jit(lambda z: decoder.init_with_output(jax.random.key(1), z, train=False)[0])(z)
  assert image.min() < -1 < 1 < image.max()


@pytest.mark.parametrize(
  ("size", "want"),
  [(4, (4, 0)), (7, (7, 0)), (8, (4, 1)), (28, (7, 2)), (32, (4, 3)), (48, (6, 3)), (64, (4, 4))],
)
def test_grid(size, want):
  assert grid.grid((size, size, 3)) == want


@pytest.mark.parametrize("shape", [(30, 30, 3), (3, 3, 1), (9, 9, 1), (32, 28, 3)])
@pytest.mark.parametrize("family", ["conv", "dcgan", "r3gan", "resnet"])
def test_impossible_sizes_are_named(family, shape):
  with pytest.raises(InputError, match="image_size"):
    shapes(NETWORKS[family].decoder(shape=shape), jnp.zeros((1, LATENT)))
  with pytest.raises(InputError, match="image_size"):
    shapes(NETWORKS[family].encoder(outputs=1), jnp.zeros((1, *shape)))


def test_registry():
  assert set(NETWORKS) == {"dense", "conv", "dcgan", "r3gan", "resnet", "small", "small_map"}
  assert all(isinstance(family, Family) for family in NETWORKS.values())


STAGES = {"conv": 3, "dcgan": 2, "dense": 3, "resnet": 3, "small": 1}


@pytest.mark.parametrize("family", STAGES)
def test_a_decoder_is_told_the_latent_at_every_stage(family):
  """With the first layer at zero the image follows z through the skips alone, each by itself."""
  z = jax.random.normal(jax.random.key(0), (2, LATENT))
  for stage in range(STAGES[family]):
    skips = (0,) * stage + (3,)
    module: Any = NETWORKS[family].decoder(shape=(32, 32, 1), width=8, skips=skips)
    variables = tiny.init(module, jax.random.key(1), z, train=False)
    told = variables["params"]["Skips_0"]
    assert {name: x["kernel"].shape for name, x in told.items()} == {f"stage_{stage}": (LATENT, 3)}
    variables["params"]["Dense_0"]["kernel"] *= 0
    one, two = tiny.apply(module, variables, z, train=False)
    assert np.abs(one - two).max() > 1e-4
  stages = STAGES[family]
  module = NETWORKS[family].decoder(shape=(32, 32, 1), width=8, skips=(1,) * (stages + 1))
  with pytest.raises(InputError, match=f"skips names {stages + 1} stages, and this decoder has {stages}"):
    shapes(module, z)


def test_the_small_pair_by_hand():
  """3 -> 16 -> 32 -> 16 -> 3 with kernels of 3 and 4, a Dense layer each way, or none."""
  down, up = conv(3, 16) + conv(16, 32), conv(32, 16, 4) + conv(16, 3, 4)
  size = 8 * 8 * 32
  image, z = jnp.zeros((1, 32, 32, 3)), jnp.zeros((1, 128))
  for name, dense in (("small", True), ("small_map", False)):
    outputs = 128 if dense else size
    _, d = shapes(NETWORKS[name].encoder(outputs=outputs), image)
    _, g = shapes(NETWORKS[name].decoder(shape=(32, 32, 3)), z if dense else jnp.zeros((1, size)))
    assert count(d["params"]) == down + dense * linear(size, 128)
    assert count(g["params"]) == up + dense * linear(128, size)
  for module, x in (
    (NETWORKS["small_map"].encoder(outputs=128), image),
    (NETWORKS["small_map"].decoder(shape=(32, 32, 3)), z),
  ):
    with pytest.raises(InputError, match="latent_dim=2048, not 128 numbers"):
      shapes(module, x)
  with pytest.raises(InputError, match="30x30 does not suit"):
    shapes(NETWORKS["small"].encoder(outputs=1), jnp.zeros((1, 30, 30, 1)))


@pytest.mark.parametrize("family", NETWORKS)
def test_an_encoder_shows_its_stages_from_the_image_on(family):
  x = jnp.zeros((2, 32, 32, 1))
  encoder = NETWORKS[family].encoder(outputs=code_size(family, 32), width=8)
  variables = jax.eval_shape(lambda: encoder.init(jax.random.key(0), x, train=False))
  assert set(variables) == {"params"}
  _, seen = jax.eval_shape(lambda v: encoder.apply(v, x, train=True, mutable=["intermediates"]), variables)
  sizes = [np.prod(stage.shape[1:3]) for stage in seen["intermediates"]["stage"]]
  assert len(sizes) >= 2 and sizes == sorted(sizes, reverse=True)
