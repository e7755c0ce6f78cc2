"""Whatever the backend computes, it is the stock convolution: in value, gradient and second derivative."""

import functools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gengap.method import AXIS
from gengap.networks import convolution, grouped, layers

DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def normal(seed, shape, dtype=jnp.float32):
  return jnp.asarray(np.random.default_rng(seed).standard_normal(shape, np.float32), dtype)


def stock_conv(stride):
  def f(x, kernel):
    n = (kernel.shape[0] - 1) // 2
    return lax.conv_general_dilated(x, kernel, (stride, stride), [(n, n)] * 2, dimension_numbers=DIMENSIONS)

  return f


def stock_transpose(x, kernel):
  """PyTorch's transposed convolution: the gradient of the strided one."""
  b, h, w, _ = x.shape
  image = jnp.zeros((b, 2 * h, 2 * w, kernel.shape[3]), x.dtype)

  def forward(y):
    return lax.conv_general_dilated(
      y, kernel.swapaxes(2, 3), (2, 2), [(1, 1)] * 2, dimension_numbers=DIMENSIONS
    )

  return jax.linear_transpose(forward, image)(x)[0]


def stock_up(x, kernel):
  return stock_conv(1)(x.repeat(2, 1).repeat(2, 2), kernel)


def halved(f):
  """A convolution in two groups, of the first half of a kernel's inputs."""
  return lambda x, kernel: f(x, kernel[:, :, : kernel.shape[2] // 2])


def stock_grouped(x, kernel):
  return lax.conv_general_dilated(
    x, kernel, (1, 1), [(1, 1)] * 2, dimension_numbers=DIMENSIONS, feature_group_count=2
  )


# name: (ours, stock, kernel size, [(height, width, in, out)])
CASES = {
  "wide": (convolution.conv, stock_conv(1), 3, [(5, 4, 8, 9)]),
  "few_in": (convolution.conv, stock_conv(1), 3, [(4, 5, 1, 9), (4, 4, 3, 3)]),
  "few_out": (convolution.conv, stock_conv(1), 3, [(4, 5, 9, 2)]),
  "one": (convolution.conv, stock_conv(1), 1, [(5, 3, 9, 10)]),
  "stride": (lambda x, k: convolution.conv(x, k, 2), stock_conv(2), 3, [(8, 6, 5, 7), (7, 5, 3, 2)]),
  "stride_one": (lambda x, k: convolution.conv(x, k, 2), stock_conv(2), 1, [(6, 5, 3, 2)]),
  "halve": (lambda x, k: convolution.conv(x, k, 2), stock_conv(2), 4, [(6, 8, 5, 7), (4, 4, 1, 9)]),
  "transpose": (convolution.conv_transpose, stock_transpose, 4, [(3, 4, 5, 3), (8, 9, 2, 7), (8, 9, 2, 9)]),
  "grouped": (halved(grouped.grouped_conv), halved(stock_grouped), 3, [(5, 4, 16, 18), (4, 5, 6, 4)]),
  "up": (convolution.up_conv, stock_up, 3, [(3, 4, 5, 3), (8, 9, 2, 9)]),
}
FLAT = [(name, shape) for name, case in CASES.items() for shape in case[3]]


def build(name, shape, dtype=jnp.float32):
  ours, stock, k, _ = CASES[name]
  height, width, inputs, outputs = shape
  return ours, stock, normal(0, (2, height, width, inputs), dtype), normal(1, (k, k, inputs, outputs), dtype)


@pytest.fixture
def formulation(request, monkeypatch):
  """Sets the formulation, whichever this machine would choose."""
  monkeypatch.setattr(convolution, "stock", lambda: request.param == "stock")


def compiled(f):
  """A new function for jit each time, which else would reuse the program of the other formulation."""
  return jax.jit(lambda *args: f(*args))


def loss(f):
  """Not linear in either argument, so that no derivative is trivial."""
  return lambda x, kernel: jnp.sum(jnp.sin(f(x, kernel)))


def penalty(f):
  """The norms of both gradients; WGAN-GP differentiates that of x."""
  return lambda x, kernel: sum(jnp.sum(g**2) for g in jax.grad(loss(f), (0, 1))(x, kernel))


@functools.partial(jax.jit, static_argnums=0)
def derivatives(f, x, kernel):
  """Value, first derivatives, and those of the gradient's norm."""
  return f(x, kernel), jax.grad(loss(f), (0, 1))(x, kernel), jax.grad(penalty(f), (0, 1))(x, kernel)


def test_the_compiler_options_leave_convolutions_to_xla():
  """Its library's convolution runs on one core; products stay with the library."""
  x, kernel = jnp.zeros((64, 16, 16, 32)), jnp.zeros((3, 3, 32, 32))

  def libraries(f, *args, options):
    text = jax.jit(f).lower(*args).compile(options).as_text() or ""
    return re.findall("__[a-z]+_fusion", text)

  options = convolution.compiler_options()
  assert not libraries(convolution.wide, x, kernel, options=options)
  matrix = jnp.zeros((512, 512))
  assert libraries(jnp.dot, matrix, matrix, options=options) == libraries(jnp.dot, matrix, matrix, options={})


def test_a_compiler_that_does_not_know_an_option_gets_none(monkeypatch):
  monkeypatch.setattr(convolution, "OPTIONS", {"xla_cpu_no_such": "1"})
  assert convolution.compiler_options.__wrapped__() == {}


@pytest.mark.parametrize("cache", [1, 5 * 4 * 9, 2**18])
def test_gradient_of_the_kernel_by_parts(cache, monkeypatch):
  monkeypatch.setattr(convolution, "CACHE", cache)
  monkeypatch.setattr(convolution, "PARTS", 2)
  x, kernel, g = normal(0, (3, 5, 4, 8)), normal(1, (3, 3, 8, 9)), normal(2, (3, 5, 4, 9))
  want = jax.jit(lambda x, g: jax.vjp(stock_conv(1), x, kernel)[1](g)[1])(x, g)
  np.testing.assert_allclose(jax.jit(convolution.correlate)(x, g), want, atol=1e-4)


@pytest.mark.usefixtures("formulation")
@pytest.mark.parametrize("formulation", ["products"], indirect=True)
@pytest.mark.parametrize(("name", "shape"), FLAT)
def test_equals_stock_to_second_derivative(name, shape):
  ours, stock, x, kernel = build(name, shape)
  got, want = derivatives(ours, x, kernel), derivatives(stock, x, kernel)
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * float(jnp.abs(b).max()))


@pytest.mark.usefixtures("formulation")
@pytest.mark.parametrize("formulation", ["products", "stock"], indirect=True)
@pytest.mark.parametrize(("name", "shape"), FLAT)
def test_value_equals_stock(name, shape):
  ours, stock, x, kernel = build(name, shape)
  want = stock(x, kernel)
  np.testing.assert_allclose(compiled(ours)(x, kernel), want, atol=1e-5 * float(jnp.abs(want).max()))


@pytest.mark.usefixtures("formulation")
@pytest.mark.parametrize("formulation", ["products", "stock"], indirect=True)
@pytest.mark.parametrize("name", CASES)
def test_bfloat16_is_the_rounded_float32(name):
  ours, stock, x, kernel = build(name, CASES[name][3][0], jnp.bfloat16)
  got = compiled(ours)(x, kernel)
  want = stock(x.astype(jnp.float32), kernel.astype(jnp.float32))
  assert got.dtype == jnp.bfloat16
  np.testing.assert_allclose(got.astype(jnp.float32), want, atol=0.02 * float(jnp.abs(want).max()))


@pytest.mark.usefixtures("formulation")
@pytest.mark.parametrize("formulation", ["products", "stock"], indirect=True)
def test_a_grouped_convolution_is_a_block_diagonal_one(formulation):
  x, kernel = normal(0, (2, 4, 5, 6)), normal(1, (3, 3, 2, 12))
  dense = np.zeros((3, 3, 6, 12))
  for group in range(3):
    inputs, outputs = slice(2 * group, 2 * group + 2), slice(4 * group, 4 * group + 4)
    dense[:, :, inputs, outputs] = kernel[:, :, :, outputs]
  padded = np.pad(np.asarray(x, np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
  want = sum(padded[:, i : i + 4, j : j + 5] @ dense[i, j] for i in range(3) for j in range(3))
  np.testing.assert_allclose(compiled(grouped.grouped_conv)(x, kernel), want, atol=1e-4)


def test_fold_is_the_transpose_of_patches():
  x, y = normal(0, (2, 5, 6, 3)), normal(1, (2, 3, 4, 27))
  a = np.vdot(jax.jit(convolution.patches, static_argnums=1)(x, 3), y)
  b = np.vdot(x, jax.jit(convolution.fold, static_argnums=1)(y, 3))
  np.testing.assert_allclose(a, b, rtol=1e-4)


def test_patches_by_hand():
  x = jnp.arange(9.0).reshape(1, 3, 3, 1)
  want = [[[0, 1, 3, 4], [1, 2, 4, 5]], [[3, 4, 6, 7], [4, 5, 7, 8]]]
  np.testing.assert_array_equal(convolution.patches(x, 2)[0], want)


def test_pool_and_upsample_by_hand():
  x = jnp.arange(8.0).reshape(1, 2, 4, 1)
  np.testing.assert_array_equal(layers.mean_pool(x)[0, :, :, 0], [[2.5, 4.5]])
  np.testing.assert_array_equal(layers.upsample(x)[0, 2:, ::2, 0], [[4, 5, 6, 7]] * 2)
  np.testing.assert_array_equal(layers.mean_pool(layers.upsample(x)), x)


@pytest.mark.parametrize(
  ("layer", "kernel"),
  [
    (layers.Conv(5), (3, 3, 2, 5)),
    (layers.Conv(5, (1, 1), strides=(2, 2)), (1, 1, 2, 5)),
    (layers.ConvTranspose(5), (4, 4, 2, 5)),
    (layers.UpConv(5), (3, 3, 2, 5)),
  ],
  ids=["conv", "one", "transpose", "up"],
)
def test_parameters_are_stock_and_float32(layer, kernel):
  layer = layer.clone(dtype=jnp.bfloat16)
  x = jnp.ones((1, 4, 4, 2))
  params = layer.init(jax.random.key(0), x)["params"]
  assert jax.tree.map(jnp.shape, params) == {"kernel": kernel, "bias": (5,)}
  assert {p.dtype for p in jax.tree.leaves(params)} == {jnp.dtype("float32")}
  assert layer.apply({"params": params}, x).dtype == jnp.bfloat16
  assert "bias" not in layer.clone(use_bias=False).init(jax.random.key(0), x)["params"]


def test_bias_is_added():
  layer: Any = layers.Conv(3)
  variables = layer.init(jax.random.key(0), jnp.ones((1, 4, 4, 2)))
  variables["params"]["bias"] = jnp.array([1.0, 2.0, 3.0])
  y = layer.apply(variables, jnp.zeros((1, 4, 4, 2)))
  np.testing.assert_array_equal(y[0, 0, 0], [1.0, 2.0, 3.0])


def test_kernels_start_as_pytorch_does():
  """Uniform within 1 / sqrt(fan_in), where PyTorch counts a transposed kernel's outputs as its fan_in."""
  x = jnp.ones((1, 4, 4, 32))
  cases: list[tuple[Any, int]] = [(layers.Conv(64), 9 * 32), (layers.ConvTranspose(64), 16 * 64)]
  for layer, fan_in in cases:
    kernel: Any = layer.init(jax.random.key(0), x)["params"]["kernel"]
    np.testing.assert_allclose(jnp.abs(kernel).max(), fan_in**-0.5, rtol=1e-3)
    np.testing.assert_allclose(jnp.std(kernel), (3 * fan_in) ** -0.5, rtol=0.02)


def test_batch_norm_standardises_over_the_batch_and_not_in_inference():
  layer: Any = layers.BatchNorm()
  x = 3.0 + 2.0 * normal(0, (64, 2, 2, 4))
  variables = layer.init(jax.random.key(0), x, False)
  train = jax.vmap(lambda x: layer.apply(variables, x, True, mutable=["batch_stats"]), axis_name=AXIS)
  y, changed = train(x[None])
  np.testing.assert_allclose(y.mean((0, 1, 2, 3)), 0.0, atol=1e-3)
  np.testing.assert_allclose(y.std((0, 1, 2, 3)), 1.0, atol=1e-2)
  moved = changed["batch_stats"]["BatchNorm_0"]["mean"][0]
  np.testing.assert_allclose(moved, 0.1 * x.mean((0, 1, 2)), rtol=1e-3)
  np.testing.assert_allclose(layer.apply(variables, x, False), x, rtol=1e-4)


def test_batch_norm_statistics_are_shared_by_devices():
  layer, x = layers.BatchNorm(), normal(0, (8, 2, 2, 3))
  variables = layer.init(jax.random.key(0), x, False)
  train = jax.vmap(lambda x: layer.apply(variables, x, True, mutable=["batch_stats"]), axis_name=AXIS)
  whole, halves = train(x[None])[0], train(x.reshape(2, 4, 2, 2, 3))[0]
  np.testing.assert_allclose(halves.reshape(x.shape), whole[0], atol=1e-5)
