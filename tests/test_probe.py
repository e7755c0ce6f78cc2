"""Probing trained runs: the command, the library, and a run as a subject of probes."""

import dataclasses
import itertools
import json
import pathlib
import re
import subprocess
import sys
from typing import Any

import forked
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from PIL import Image
from test_train import config

import gengap
from gengap import run
from gengap.errors import InputError
from gengap.evaluation.extractors import Extractors
from gengap.features import pixels
from gengap.method import AXIS, Batch
from gengap.methods import inverse
from gengap.probes import PROBES, Options, ProbeResult, probe, prober, subject
from gengap.training import loop, program

FEW = ["--num_samples=40", "--encoder_steps=3"]


@pytest.fixture(scope="module")
def workdirs(tmp_path_factory):
  """A GAN and a VAE of blobs, a conditional GAN, and a classifier of the same."""
  folder = tmp_path_factory.mktemp("probed")
  for name in ("wgan_gp", "cgan", "vae", "classifier"):
    best = {"vae": "valid/vae/loss", "classifier": "valid/classifier/loss"}.get(name, "valid/energy_distance")
    c = config(name, steps=4, best=best, eval_every=2, checkpoint_every=2)
    c.dataset_args.num_train = c.dataset_args.num_test = 128
    if name not in ("classifier", "vae"):
      c.method_args.network = "dense"
    loop.train(c, folder / name)
  return folder


def sets(who):
  return [program.load_data(who.config, split) for split in ("train", "test")]


@pytest.fixture(scope="module")
def asked(workdirs):
  """Subjects by name."""
  runs = {name: gengap.load(workdirs / name) for name in ("wgan_gp", "cgan", "vae")}
  sight = Extractors(blobs=True)
  return {
    name: subject.of_run(r, *sets(r), sight, 40, encoder_steps=3, workdir=workdirs / name)  # pyright: ignore[reportCallIssue]
    for name, r in runs.items()
  }


def probed(workdir, tmp_path, *args):
  """The command; returns what it said and what it wrote."""
  status, said = forked.call("gengap.probe", [f"--workdir={workdir}", *args], tmp_path / "said")
  assert status == 0, said
  return said, {p: json.loads(p.read_text()) for p in (workdir / "probes").rglob("*.json")}


def test_a_gan_is_probed_by_one_command(workdirs, tmp_path):
  folder = workdirs / "wgan_gp"
  said, found = probed(
    folder,
    tmp_path,
    *FEW,
    f"--classifier={workdirs / 'classifier'}",
    "--features=classifier",
    "--inception=unread",
  )
  assert "--inception is not used" in said
  assert {p.stem for p in found} == set(PROBES)
  assert {p.parent.name for p in found} == {"4"}
  for path, seen in found.items():
    assert path.stem in said
    assert seen["numbers"], path
    assert seen["protocol"]["encoder"] == "fitted, 3 steps"
    assert seen["protocol"]["images"] == {"train": 40, "test": 40}
    assert f"gengap.probe --workdir={folder}" in seen["command"]
    assert seen["protocol"]["classifier"] == seen["protocol"]["features"]
    for number in seen["numbers"].values():
      assert set(number) == {"value", "low", "high"}
    assert min(Image.open(path.with_suffix(".png")).size) > 300
  assert "latents (images 40, encoder fitted, 3 steps)" in said
  assert "rightly" in said
  numbers = {name: seen["numbers"] for path, seen in found.items() for name in [path.stem]}
  assert "random linear/unsure" in numbers["interpolation"]
  assert "top_dim_class" in numbers["traversal"]
  assert "valid" in numbers["traversal"]  # a blob's centre is known
  assert {f"step {n}/diversity" for n in (0, 2, 4)} <= set(numbers["dynamics"])


def test_one_probe_of_a_vae_at_every_checkpoint_by_the_command_and_from_python(workdirs, tmp_path):
  args = ("--probes=traversal", "--step=all", "--num_samples=40", "--dims=2,0", "--grid=1,3")
  said, found = probed(workdirs / "vae", tmp_path, *args)
  assert {str(p.relative_to(workdirs / "vae" / "probes")) for p in found} == {
    "2/traversal.json",
    "4/traversal.json",
  }
  assert "features are pixels" in said
  for seen in found.values():
    assert seen["protocol"]["options"]["dims"] == [2, 0]
    assert seen["protocol"]["options"]["grid"] == [1, 3]
    assert seen["protocol"]["encoder"] == "own"
  run = gengap.load(workdirs / "vae", 2)
  options: Any = dict(num_samples=40, dims=[2, 0], grid=[1, 3])
  results = probe(run, probes=["traversal"], workdir=workdirs / "vae", folder=tmp_path / "out", **options)
  assert (results.step, list(results), dict(results.failed)) == (2, ["traversal"], {})
  result = results["traversal"]
  wanted = found[workdirs / "vae" / "probes" / "2" / "traversal.json"]
  assert (
    json.loads((tmp_path / "out" / "traversal.json").read_text()) | {"command": wanted["command"]} == wanted
  )
  assert ProbeResult.from_json("traversal", result.to_json()).to_json() == result.to_json()
  assert result.figure().axes
  with pytest.raises(TypeError):
    result.numbers["interaction"] = 0  # pyright: ignore[reportIndexIssue]


BAD = [
  ("wgan_gp", dict(probes=["interpolate"]), ["--probes=interpolate", "did you mean 'interpolation'"]),
  ("wgan_gp", dict(probes=["latents"], encoder_steps=0), ["needs an encoder", "--encoder_steps=1000"]),
  ("wgan_gp", dict(probes="latents"), ["must be a list of names, such as ['latents']"]),
  ("wgan_gp", dict(features="pixel"), ["--features=pixel", "did you mean 'pixels'"]),
  ("wgan_gp", dict(encoder="own"), ["--encoder=own", "'wgan_gp' has no encoder of its own"]),
  ("wgan_gp", dict(encoder="its"), ["--encoder is 'its'; it must be own or fitted"]),
  ("vae", dict(encoder="fitted", encoder_steps=0), ["--encoder=fitted needs --encoder_steps"]),
  ("vae", dict(encoder="fitted", outside="blobs_multi"), ["leave --encoder=fitted out"]),
  ("wgan_gp", dict(dims=[4]), ["--dims", "'4' is no latent", "0 to 3"]),
  ("wgan_gp", dict(dims=["-1"]), ["'-1' is no latent"]),
  ("wgan_gp", dict(grid=[1]), ["--grid=1", "two latents"]),
  ("wgan_gp", dict(grid=["1", "01"]), ["--grid=1,01 names one twice"]),
  ("wgan_gp", dict(classes=["uper_left", 1]), ["no class 'uper_left'", "did you mean 'upper_left'"]),
  ("wgan_gp", dict(classes=[0, 9]), ["no class '9'"]),
  ("wgan_gp", dict(classes=[2]), ["--classes=2: paths need two different classes"]),
  ("wgan_gp", dict(outside="blobs_multi"), ["--outside", "'wgan_gp' has no encoder"]),
  ("wgan_gp", dict(num_samples=3), ["--num_samples is 3"]),
  ("wgan_gp", dict(features="classifier"), ["--classifier=DIR"]),
  ("classifier", {}, ["'classifier' makes no images"]),
]


@pytest.mark.parametrize(("name", "settings", "words"), BAD, ids=lambda x: str(x)[:60])
def test_bad_settings_are_refused_before_anything_is_computed(workdirs, monkeypatch, name, settings, words):
  monkeypatch.setattr(prober, "take", lambda *args: pytest.fail("a probe is taken"))
  with pytest.raises(InputError) as error:
    probe(workdirs / name, **settings)
  for word in words:
    assert word in str(error.value)


@pytest.mark.parametrize(
  ("name", "args", "words"),
  [
    ("wgan_gp", ["--probes=latents", "--encoder_steps=0"], ["--probes=latents", "needs an encoder"]),
    ("wgan_gp", ["--step=3"], ["step '3' is none of last, best, 0, 2, 4"]),
    ("empty", [], ["holds no run"]),
  ],
)
def test_bad_input_is_one_line(workdirs, tmp_path, name, args, words):
  (workdirs / "empty").mkdir(exist_ok=True)
  before = set(workdirs.rglob("*"))
  status, said = forked.call("gengap.probe", [f"--workdir={workdirs / name}", *args], tmp_path / "said")
  assert status == 2, said
  assert len(said.splitlines()) == 1, said
  for word in words:
    assert word in said
  assert set(workdirs.rglob("*")) == before


def test_a_probe_that_fails_ends_no_other(workdirs, monkeypatch, capsys):
  def broken(measurements, options):
    raise ArithmeticError("no numbers")

  table = {name: PROBES[name] for name in ("ood", "latents")}
  table["ood"] = dataclasses.replace(table["ood"], score=broken)
  monkeypatch.setattr(prober, "PROBES", table)
  found = probe(workdirs / "vae", probes=list(table), num_samples=20, features="pixels")
  assert (list(found), dict(found.failed)) == (["latents"], {"ood": "no numbers"})
  assert "without ood of 4: no numbers" in capsys.readouterr().err


def test_measurements_do_not_depend_on_the_batch(asked, monkeypatch):
  found = []
  for size in (256, 7):
    monkeypatch.setattr(run, "CHUNK", size)
    found.append(PROBES["ood"].measure(asked["wgan_gp"], Options(number=40)).images)
  for name, images in found[0].items():
    np.testing.assert_allclose(images.image, found[1][name].image, rtol=1e-3, atol=1e-5, err_msg=name)


def test_a_conditional_run_is_led_from_class_to_class(asked):
  found = PROBES["interpolation"].measure(asked["cgan"], Options(number=40, classes=(1, 3)))
  ends = found.paths["across linear"].ends
  assert set(ends.from_class) | set(ends.to_class) == {1, 3}
  assert (ends.from_class != ends.to_class).all()
  assert not found.notes


def test_shares_of_classes_are_between_them(workdirs):
  gan = gengap.load(workdirs / "cgan")
  z = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
  codes = np.eye(4, dtype=np.float32)
  np.testing.assert_allclose(gan.generate(z, codes[[2, 2, 2]]), gan.generate(z, 2), atol=1e-6)
  path = [
    np.asarray(gan.generate(z, (1 - t) * codes[[0] * 3] + t * codes[[2] * 3])) for t in np.linspace(0, 1, 9)
  ]
  steps = [np.abs(b - a).max() for a, b in itertools.pairwise(path)]
  assert min(steps) > 0 and max(steps) < 0.3 * sum(steps)
  for shares in (codes[[0, 1, 2]] * 2, codes[[0, 1, 2]] - np.roll(codes, 1, 0)[[0, 1, 2]] + codes[[3, 3, 3]]):
    with pytest.raises(InputError, match="shares of classes"):
      gan.generate(z, shares)
  with pytest.raises(InputError, match="label has shape"):
    gan.generate(z, codes[:2])


@pytest.mark.parametrize("name", ["wgan_gp", "vae"])
def test_step_0_is_where_training_began(workdirs, name):
  begun = gengap.load(workdirs / name, 0)
  dataset = program.load_data(begun.config, "train")
  state = program.starter(program.compile_program(begun.config, dataset))(begun.config.seed)
  tiny.assert_identical(begun.nets, state.nets)
  assert begun.step == 0
  who = subject.of_run(begun, *sets(begun), Extractors(blobs=True), workdir=workdirs / name)  # pyright: ignore[reportCallIssue]
  z = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
  was = {step: generate(z, np.zeros(3, int)) for step, generate in who.history()}
  assert list(was) == [0, 2, 4]
  for step, images in was.items():
    np.testing.assert_allclose(images, gengap.load(workdirs / name, step).generate(z), atol=1e-6)
  assert np.abs(was[4] - was[0]).max() > 1e-3


def test_an_encoder_is_fitted_to_a_generator_that_stays_as_it_is(workdirs):
  gan = gengap.load(workdirs / "wgan_gp")
  fitted = {updates: subject.fit(gan, sets(gan)[0], updates, seed=0) for updates in (1, 200)}
  z = np.random.default_rng(0).standard_normal((200, 4)).astype(np.float32)
  lost = {}
  for updates, r in fitted.items():
    tiny.assert_identical({k: v for k, v in r.nets.items() if k != inverse.PLAYER}, gan.nets)
    images = r.generate(z)  # pyright: ignore[reportArgumentType]
    lost[updates] = float(np.mean((r.represent("code", images) - z) ** 2))
  assert lost[200] < 0.6 * lost[1]
  with pytest.raises(InputError, match="cannot reconstruct"):
    gan.reconstruct(images)  # pyright: ignore[reportPossiblyUnboundVariable]
  assert fitted[200].reconstruct(images).shape == images.shape  # pyright: ignore[reportPossiblyUnboundVariable]


@pytest.fixture(scope="module")
def fit():
  """A fit to a generator of one grey value: its loss of given parameters and a batch [512] on n devices."""
  m = tiny.method("wgan_gp")
  nets = jax.jit(m.init)(jax.random.key(0), Batch(*tiny.data(8))._replace(image=jnp.zeros((8, 8, 8, 1))))
  grey = m._replace(generate=lambda nets, z, label: jnp.zeros((len(z), 8, 8, 1)))
  method = inverse.build(tiny.SPEC, grey, nets, width=4)
  batch = Batch(jax.random.uniform(jax.random.key(1), (512, 8, 8, 1), minval=-0.5), jnp.zeros(512, jnp.int32))
  nets = method.init(jax.random.key(0), batch)

  def loss(params, devices):
    slices = jax.tree.map(
      lambda x: x.reshape(devices, -1, *x.shape[1:]), (batch, jax.random.split(jax.random.key(2), 512))
    )
    one = lambda batch, keys: method.turns[0].loss(params, nets, batch, keys, 0)  # noqa: E731  # pyright: ignore[reportArgumentType]
    value, (_, seen) = jax.vmap(one, axis_name=AXIS)(*slices)
    return float(value.mean()), {name: float(x.mean()) for name, x in seen.items()}

  return loss, nets[inverse.PLAYER]["params"], batch.image


def test_the_loss_of_the_fit_is_the_sum_of_both_shares(fit):
  """Of a generator of one grey value and an encoder that says 0: no latent and no pixel is explained."""
  loss, params, image = fit
  value, seen = loss(jax.tree.map(jnp.zeros_like, params), 1)
  assert seen["latent"] == pytest.approx(1, abs=0.1)
  about = image - image.mean(0)
  assert seen["pixel"] == pytest.approx(float(jnp.mean(image**2) / jnp.mean(about**2)), rel=1e-5)
  assert value == pytest.approx(seen["latent"] + seen["pixel"], rel=1e-6)


@pytest.mark.parametrize("devices", [2, 8, 512])
def test_the_loss_of_the_fit_is_the_same_on_any_number_of_devices(fit, devices):
  loss, params, _ = fit
  assert loss(params, devices)[0] == pytest.approx(loss(params, 1)[0], rel=2e-6)


def test_an_encoder_is_fitted_to_a_vae_to_compare_it_with_others(workdirs):
  vae = gengap.load(workdirs / "vae")
  sight = Extractors(blobs=True)
  own, fitted = (subject.of_run(vae, *sets(vae), sight, 20, encoder_steps=1, fitted=f) for f in (False, True))  # pyright: ignore[reportCallIssue]
  assert (own.encoder, fitted.encoder) == ("own", "fitted, 1 steps")
  assert not (
    fitted.own_encoder or fitted.posterior or fitted.sample_codes or fitted.elbo
  )  # these are of its own q(z | x)
  assert own.own_encoder and own.posterior and own.sample_codes and own.elbo
  codes = [who.encode(who.test.image, who.test.label) for who in (own, fitted)]
  assert np.abs(codes[0] - codes[1]).max() > 0.01


def test_a_damaged_checkpoint_is_passed_over(workdirs, monkeypatch, capsys):
  def damaged(workdir, step):
    if step == 2:
      raise InputError("checkpoint 2 is damaged")
    return gengap.load(workdir, step)

  gan = gengap.load(workdirs / "wgan_gp")
  who = subject.of_run(gan, *sets(gan), Extractors(blobs=True), 20, workdir=workdirs / "wgan_gp")  # pyright: ignore[reportCallIssue]
  monkeypatch.setattr(subject, "load", damaged)
  assert [step for step, _ in who.history()] == [0, 4]
  assert "without step 2: checkpoint 2 is damaged" in capsys.readouterr().err


def test_refined_latents_are_nearer_and_each_is_by_itself(workdirs, monkeypatch):
  r = gengap.load(workdirs / "wgan_gp")
  rng = np.random.default_rng(0)
  z = rng.standard_normal((6, 4)).astype(np.float32)
  image, label = np.asarray(r.generate(z)), np.zeros(6, int)
  start = z + 0.5 * rng.standard_normal(z.shape).astype(np.float32)

  def left(z):
    return np.mean((np.asarray(r.generate(z)) - image) ** 2, (1, 2, 3))

  best = subject.refine(r, image, label, start)
  assert (left(best) < 0.2 * left(start)).all()
  np.testing.assert_allclose(subject.refine(r, image[:2], label[:2], start[:2]), best[:2], atol=1e-2)
  monkeypatch.setattr(subject, "RATE", 50.0)  # which leads away
  assert (left(subject.refine(r, image, label, start)) <= left(start)).all()


def test_the_kl_of_every_latent_is_the_closed_form(workdirs, asked):
  vae, image = gengap.load(workdirs / "vae"), asked["vae"].test.image
  mean, log_std = (np.asarray(x, np.float64) for x in vae.encode(image))
  seen, divergence = asked["vae"].posterior(image)
  np.testing.assert_allclose(seen, mean, atol=1e-6)
  np.testing.assert_allclose(divergence, 0.5 * (mean**2 + np.exp(2 * log_std) - 1) - log_std, atol=1e-5)
  assert asked["wgan_gp"].posterior is None


def test_pixel_features_are_those_of_thumbnails():
  images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)
  floats = images / np.float32(127.5) - 1
  seen = pixels.extractor().extract(images)
  assert seen.shape == (3, 14 * 14)
  np.testing.assert_allclose(seen[:, 0], floats[:, :2, :2].mean((1, 2, 3)), atol=1e-6)
  np.testing.assert_allclose(pixels.extractor().extract(floats), seen, atol=1e-6)
  assert pixels.extractor().extract(np.zeros((2, 17, 17, 3), np.uint8)).shape == (2, 9 * 9 * 3)
  assert pixels.extractor().extract(np.zeros((2, 8, 8, 1), np.uint8)).shape == (2, 64)


def test_the_readmes_own_probe_runs(workdirs):
  readme = (pathlib.Path(__file__).parents[1] / "gengap" / "probes" / "README.md").read_text()
  (code,) = [block for block in re.findall(r"```python\n(.*?)```", readme, re.S) if "brightness.py" in block]
  assert len(code.splitlines()) <= 15
  done = subprocess.run([sys.executable, "-c", code, workdirs / "wgan_gp"], capture_output=True, text=True)
  assert done.returncode == 0, done.stderr
  assert re.findall(r"radius (\S+): -?0\.\d+ \+- 0\.\d+", done.stdout) == ["0.5", "1.0", "1.5", "2.0"]
