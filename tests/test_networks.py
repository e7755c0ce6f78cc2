"""The families of networks: shapes, sizes of parameters counted by hand, and what may depend on what."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gengap.errors import InputError
from gengap.method import AXIS
from gengap.networks import NETWORKS, Family, grid

LATENT = 6
SMALL = (8, 8, 1)


def count(params):
  return sum(p.size for p in jax.tree.leaves(params))


def shapes(module, x):
  """Shapes of a module's output and variables, computing neither."""
  return jax.eval_shape(lambda x: module.init_with_output(jax.random.key(0), x, train=False), x)


@pytest.mark.parametrize("size", [16, 28, 32, 64])
@pytest.mark.parametrize(("channels", "dtype"), [(1, "float32"), (3, "bfloat16")])
@pytest.mark.parametrize("family", NETWORKS)
def test_shapes_and_dtypes(family, channels, dtype, size):
  shape = (size, size, channels)
  decoder = NETWORKS[family].decoder(shape=shape, width=8, dtype=dtype)
  encoder = NETWORKS[family].encoder(outputs=5, width=8, dtype=dtype)
  image, variables = shapes(decoder, jnp.zeros((2, LATENT)))
  code, more = shapes(encoder, jnp.zeros((2, *shape)))
  assert (image.shape, image.dtype) == ((2, *shape), jnp.float32)
  assert (code.shape, code.dtype) == ((2, 5), jnp.float32)
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


@pytest.mark.parametrize("family", NETWORKS)
def test_inference_treats_every_example_alone(family):
  decoder = NETWORKS[family].decoder(shape=SMALL, width=8)
  encoder = NETWORKS[family].encoder(outputs=3, width=8)

  @jax.jit
  def run(z):
    image, _ = decoder.init_with_output(jax.random.key(1), z, train=False)
    return image, encoder.init_with_output(jax.random.key(2), image, train=False)[0]

  z = jax.random.normal(jax.random.key(0), (4, LATENT))
  for alone, together in zip(run(z.at[1:].set(0.0)), run(z), strict=True):
    np.testing.assert_allclose(alone[0], together[0], rtol=1e-4, atol=1e-5)
    assert not np.allclose(alone[1], together[1], atol=1e-4)


def test_only_the_resnet_decoder_couples_a_training_batch():
  z = jax.random.normal(jax.random.key(0), (4, LATENT))
  coupled = set()
  for name, family in NETWORKS.items():
    decoder = family.decoder(shape=SMALL, width=8)
    variables = jax.jit(lambda z, d=decoder: d.init(jax.random.key(1), z, train=False))(z)

    @functools.partial(jax.vmap, axis_name=AXIS)
    def run(z, decoder=decoder, variables=variables):
      return decoder.apply(variables, z, train=True, mutable=["batch_stats"])[0]

    run = jax.jit(run)
    if not np.allclose(run(z[None])[0, 0], run(z.at[1:].set(0.0)[None])[0, 0], atol=1e-3):
      coupled.add(name)
  assert coupled == {"resnet"}


@pytest.mark.parametrize("family", NETWORKS)
def test_the_output_has_no_nonlinearity(family):
  decoder = NETWORKS[family].decoder(shape=SMALL, width=8)
  z = 1000.0 * jax.random.normal(jax.random.key(0), (8, LATENT))
  image = jax.jit(lambda z: decoder.init_with_output(jax.random.key(1), z, train=False)[0])(z)
  assert image.min() < -1 < 1 < image.max()


@pytest.mark.parametrize(
  ("size", "want"),
  [(4, (4, 0)), (7, (7, 0)), (8, (4, 1)), (28, (7, 2)), (32, (4, 3)), (48, (6, 3)), (64, (4, 4))],
)
def test_grid(size, want):
  assert grid.grid((size, size, 3)) == want


@pytest.mark.parametrize("shape", [(30, 30, 3), (3, 3, 1), (9, 9, 1), (32, 28, 3)])
@pytest.mark.parametrize("family", ["conv", "resnet"])
def test_impossible_sizes_are_named(family, shape):
  with pytest.raises(InputError, match="image_size"):
    shapes(NETWORKS[family].decoder(shape=shape), jnp.zeros((1, LATENT)))
  with pytest.raises(InputError, match="image_size"):
    shapes(NETWORKS[family].encoder(outputs=1), jnp.zeros((1, *shape)))


def test_registry():
  assert set(NETWORKS) == {"dense", "conv", "resnet"}
  assert all(isinstance(family, Family) for family in NETWORKS.values())
