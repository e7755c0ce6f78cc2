"""DINOv2 against a forward pass in NumPy, against PyTorch's and transformers', and its files of weights."""

import math

import jax
import numpy as np
import pytest
from PIL import Image
from test_weights import tensor, write_zip

from gengap.errors import InputError
from gengap.features import dinov2, registry, weights
from gengap.networks.vision_transformer import SIZES, Size, VisionTransformer

TINY = Size(width=8, blocks=2, heads=2)
OTHER = Size(width=12, blocks=2, heads=3)
TOLERANCE = 1e-5  # GELU by tanh instead of erf would be seen
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, 20, 16, 3), dtype=np.uint8)


def shapes(size):
  """The names and shapes of the official file."""
  w = size.width
  found = {"cls_token": (1, 1, w), "mask_token": (1, w), "pos_embed": (1, 1370, w)}
  found |= {"patch_embed.proj.weight": (w, 3, 14, 14), "patch_embed.proj.bias": (w,)}
  parts = {"norm1": (w,), "norm2": (w,), "attn.qkv": (3 * w, w), "attn.proj": (w, w)}
  parts |= {"mlp.fc1": (4 * w, w), "mlp.fc2": (w, 4 * w)}
  for i in range(size.blocks):
    for name, shape in parts.items():
      found |= {f"blocks.{i}.{name}.weight": shape, f"blocks.{i}.{name}.bias": shape[:1]}
    found |= {f"blocks.{i}.ls{n}.gamma": (w,) for n in (1, 2)}
  return found | {"norm.weight": (w,), "norm.bias": (w,)}


def random_state(size, seed=0):
  rng = np.random.default_rng(seed)
  return {
    name: (rng.normal(size=shape) * (0.5 if len(shape) != 2 else shape[1] ** -0.5)).astype(np.float32)
    for name, shape in shapes(size).items()
  }


def hugging_face(state, blocks):
  """The same arrays as transformers names them."""
  found = {f"embeddings.{name}": state[name] for name in ("cls_token", "mask_token")}
  found["embeddings.position_embeddings"] = state["pos_embed"]
  for end in ("weight", "bias"):
    found[f"embeddings.patch_embeddings.projection.{end}"] = state[f"patch_embed.proj.{end}"]
    found[f"layernorm.{end}"] = state[f"norm.{end}"]
    for i in range(blocks):
      here, there = f"blocks.{i}", f"encoder.layer.{i}"
      for name in ("norm1", "norm2", "mlp.fc1", "mlp.fc2"):
        found[f"{there}.{name}.{end}"] = state[f"{here}.{name}.{end}"]
      found[f"{there}.attention.output.dense.{end}"] = state[f"{here}.attn.proj.{end}"]
      parts = np.split(state[f"{here}.attn.qkv.{end}"], 3)
      for part, value in zip(("query", "key", "value"), parts, strict=True):
        found[f"{there}.attention.attention.{part}.{end}"] = value
  for i in range(blocks):
    for n in (1, 2):
      found[f"encoder.layer.{i}.layer_scale{n}.lambda1"] = state[f"blocks.{i}.ls{n}.gamma"]
  return found


def cubic(t):
  """Keys's kernel with a = -0.75, at one distance."""
  t, a = abs(t), -0.75
  if t < 1:
    return ((a + 2) * t - (a + 3)) * t * t + 1
  return a * (((t - 5) * t + 8) * t - 4) if t < 2 else 0.0


def interpolated(grid, side, scale):
  """Bicubic, pixel by pixel; positions outside the grid are those of its edge."""
  n, found = len(grid), np.zeros((side, side, grid.shape[-1]))
  for i in range(side):
    for j in range(side):
      y, x = (i + 0.5) / scale - 0.5, (j + 0.5) / scale - 0.5
      for p in range(math.floor(y) - 1, math.floor(y) + 3):
        for q in range(math.floor(x) - 1, math.floor(x) + 3):
          there = grid[min(max(p, 0), n - 1), min(max(q, 0), n - 1)]
          found[i, j] += cubic(y - p) * cubic(x - q) * there
  return found


def forward(state, size, image, scale):
  """The tokens after the embedding, each block and the norm, of one image [224, 224, 3], in float64."""
  s = {name: value.astype(np.float64) for name, value in state.items()}

  def linear(x, name):
    return x @ s[f"{name}.weight"].T + s[f"{name}.bias"]

  def norm(x, name):
    x = x - x.mean(-1, keepdims=True)
    x /= np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)
    return x * s[f"{name}.weight"] + s[f"{name}.bias"]

  tokens = [s["cls_token"][0, 0] + s["pos_embed"][0, 0]]
  positions = interpolated(s["pos_embed"][0, 1:].reshape(37, 37, -1), 16, scale)
  for i in range(16):
    for j in range(16):
      patch = image[14 * i : 14 * (i + 1), 14 * j : 14 * (j + 1)].transpose(2, 0, 1)
      seen = (s["patch_embed.proj.weight"] * patch).sum((1, 2, 3)) + s["patch_embed.proj.bias"]
      tokens.append(seen + positions[i, j])
  x = np.stack(tokens)
  found = [x]
  for b in range(size.blocks):
    name, width = f"blocks.{b}", size.width // size.heads
    qkv = linear(norm(x, f"{name}.norm1"), f"{name}.attn.qkv")
    heads = []
    for h in range(size.heads):
      q, k, v = (qkv[:, p * size.width + h * width :][:, :width] for p in range(3))
      scores = np.exp(q @ k.T / math.sqrt(width))
      heads.append(scores / scores.sum(1, keepdims=True) @ v)
    x = x + s[f"{name}.ls1.gamma"] * linear(np.concatenate(heads, 1), f"{name}.attn.proj")
    hidden = linear(norm(x, f"{name}.norm2"), f"{name}.mlp.fc1")
    hidden = 0.5 * hidden * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2)))
    x = x + s[f"{name}.ls2.gamma"] * linear(hidden, f"{name}.mlp.fc2")
    found.append(x)
  return [*found, norm(x, "norm")]


def close(got, wanted):
  got, wanted = np.asarray(got), np.asarray(wanted)
  assert got.shape == wanted.shape
  assert np.linalg.norm(got - wanted) <= TOLERANCE * np.linalg.norm(wanted)
  assert np.abs(got - wanted).max() <= TOLERANCE * np.abs(wanted).max()


def outputs(params, size, x):
  """Every output of the network, in order."""
  found = jax.jit(VisionTransformer(size).apply)({"params": params}, x)
  return [found[name] for name in ("embeddings", *(f"block_{i}" for i in range(size.blocks)), "norm")]


@pytest.mark.parametrize("naming", ["official", "hugging face"])
def test_every_block_is_that_of_a_forward_pass_in_numpy(naming):
  state = random_state(TINY)
  given = state if naming == "official" else hugging_face(state, TINY.blocks)
  x = np.asarray(dinov2.scaled(IMAGES[:1]))
  wanted = forward(state, TINY, x[0].astype(np.float64), 16.1 / 37)
  got = outputs(dinov2.from_state_dict(given, TINY), TINY, x)
  for seen, there in zip(got, wanted, strict=True):
    close(seen[0], there)
  close(dinov2.features(dinov2.from_state_dict(given, TINY), IMAGES[:1], TINY)[0], wanted[-1][0])
  shifted = dinov2.from_state_dict(given, TINY, offset=0)  # the convention of transformers
  close(
    shifted["pos_embed"][0, 1:].reshape(16, 16, -1),
    interpolated(state["pos_embed"][0, 1:].reshape(37, 37, -1).astype(np.float64), 16, 16 / 37),
  )


def test_images_are_resized_as_pillow_resizes_floats_and_standardised():
  for image in (IMAGES[0], RNG.integers(0, 256, (300, 260, 3), dtype=np.uint8)):
    planes = [Image.fromarray(image[..., c].astype(np.float32)) for c in range(3)]
    resized = np.stack([np.asarray(p.resize((224, 224), Image.Resampling.BICUBIC)) for p in planes], -1)
    wanted = (resized.clip(0, 255) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(dinov2.scaled(image[None])[0], wanted, atol=1e-4)
  assert resized.min() < 0 or resized.max() > 255  # clipping is seen
  grey = IMAGES[..., :1]
  np.testing.assert_allclose(dinov2.scaled(grey), dinov2.scaled(np.repeat(grey, 3, -1)), atol=1e-6)


def test_positions_are_interpolated_as_by_pytorch():
  torch = pytest.importorskip("torch")
  grid = RNG.normal(size=(1, 4, 37, 37)).astype(np.float32)
  for offset, how in ((0.1, {"scale_factor": (16.1 / 37, 16.1 / 37)}), (0, {"size": (16, 16)})):
    wanted = torch.nn.functional.interpolate(torch.tensor(grid), mode="bicubic", **how).numpy()
    matrix = dinov2.positions(37, 16, offset)
    close(np.einsum("ph,qw,nchw->ncpq", matrix, matrix, grid), wanted)


@pytest.mark.parametrize(("name", "blocks"), [("vits14", 12), ("vitb14", 1)])
def test_every_block_is_that_of_transformers(name, blocks, tmp_path):
  """B/14 with fewer blocks, which are all alike. The two namings give the same weights."""
  torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
  size = SIZES[name]._replace(blocks=blocks)
  config = transformers.Dinov2Config(
    hidden_size=size.width, num_hidden_layers=blocks, num_attention_heads=size.heads, image_size=518
  )
  model = transformers.Dinov2Model(config).eval()
  state = random_state(size, seed=1)
  written = {k: torch.tensor(v) for k, v in hugging_face(state, blocks).items()}
  model.save_pretrained(tmp_path, state_dict=written)
  model = transformers.Dinov2Model.from_pretrained(tmp_path).eval()
  x = RNG.normal(size=(1, 224, 224, 3)).astype(np.float32)
  with torch.no_grad():
    found = model(torch.tensor(x.transpose(0, 3, 1, 2)), output_hidden_states=True)
  wanted = [*(h.numpy() for h in found.hidden_states), found.last_hidden_state.numpy()]
  torch.save({k: torch.tensor(v) for k, v in state.items()}, tmp_path / "official.pth")
  files = tmp_path / "model.safetensors", tmp_path / "official.pth"
  params, same = (dinov2.from_state_dict(weights.read(file), size, offset=0) for file in files)
  jax.tree.map(np.testing.assert_array_equal, params, same)
  for got, there in zip(outputs(params, size, x), wanted, strict=True):
    close(got, there)


def without(state, name):
  return {k: v for k, v in state.items() if k != name}


@pytest.mark.parametrize(
  ("spoil", "words"),
  [
    (
      lambda s: without(s, "norm.bias"),
      "lack 'norm.bias': they are not those of the DINOv2 network",
    ),
    (lambda s: without(s, "blocks.1.ls2.gamma"), "lack 'blocks.1.ls2.gamma'"),
    (
      lambda s: s | {"cls_token": np.full((1, 1, 8), np.nan)},
      "'cls_token' holds numbers that are not",
    ),
    (
      lambda s: s | {"pos_embed": np.zeros((1, 257, 8))},
      r"'pos_embed' has shape \(1, 257, 8\)",
    ),
    (lambda s: s | {"register_tokens": np.zeros((1, 4, 8))}, "has no 'register_tokens'"),
    (lambda s: s | {"blocks.2.norm1.bias": np.zeros(8)}, "has no 'blocks.2.norm1.bias'"),
    (
      lambda s: random_state(OTHER),
      "weights of DINOv2 vitb14, and not of the DINOv2 network",
    ),
    (lambda s: {"fc.weight": np.zeros((1008, 2048))}, "lack 'patch_embed.proj.weight'"),
    (
      lambda s: without(hugging_face(s, 2), "encoder.layer.1.attention.attention.key.bias"),
      "lack 'encoder.layer.1.attention.attention.key.bias'",
    ),
  ],
)
def test_other_weights_are_named(spoil, words, monkeypatch):
  monkeypatch.setitem(SIZES, "vits14", TINY)
  monkeypatch.setitem(SIZES, "vitb14", OTHER)
  with pytest.raises(InputError, match=words):
    dinov2.from_state_dict(spoil(random_state(TINY)), TINY)


def test_one_protocol_whatever_the_file_calls_its_arrays(tmp_path, monkeypatch):
  monkeypatch.setitem(SIZES, "vits14", TINY)
  state = random_state(TINY)
  tensors = {name: tensor(str(i), value.shape) for i, (name, value) in enumerate(state.items())}
  write_zip(tmp_path / "a.pth", tensors, {str(i): value for i, value in enumerate(state.values())})
  weights.write(tmp_path / "b.safetensors", hugging_face(without(state, ""), TINY.blocks))
  weights.write(tmp_path / "c.npz", state | {"norm.bias": state["norm.bias"] + 1})
  made = [
    registry.build(registry.find("dinov2"), IMAGES, weights=tmp_path / name)
    for name in ("a.pth", "b.safetensors", "c.npz")
  ]
  assert made[0].protocol == made[1].protocol != made[2].protocol
  assert made[0].protocol["network"] == "dinov2_vits14 8"
  np.testing.assert_array_equal(made[0].extract(IMAGES), made[1].extract(IMAGES))
  assert made[0].extract(IMAGES).shape == (3, 8)
  for images, words in (
    (np.zeros((0, 9, 9, 3), np.uint8), "no images"),
    (np.zeros((2, 9, 9, 4), np.uint8), "DINOv2 wants"),
  ):
    with pytest.raises(InputError, match=words):
      made[0].extract(images)
  cut = (tmp_path / "a.pth").read_bytes()[:-500]
  (tmp_path / "cut.pth").write_bytes(cut)
  (tmp_path / "page.pth").write_text("<!DOCTYPE html><html>")
  bad = {"cut.pth": "cut.pth: it is cut off", "page.pth": "it is a web page", "no.pth": "no such file"}
  for name, words in bad.items():
    with pytest.raises(InputError, match=words):
      dinov2.extractor(tmp_path / name, "vits14")
