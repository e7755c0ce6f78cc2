"""What is measured of an autoencoder, on models whose answers are known; and the command that measures."""

import json
import math

import jax
import numpy as np
import pytest
import scipy.stats
from PIL import Image
from test_train import config
from test_vae import linear, worse  # noqa: F401, a fixture

import gengap
from gengap import evaluate, metrics
from gengap.command_line import cli
from gengap.errors import InputError
from gengap.evaluation import autoencoder_quantities, autoencoders, speed
from gengap.evaluation.quantities import find
from gengap.method import Observation
from gengap.training import loop


def test_the_moments_of_a_prior_are_those_of_the_prior():
  found = metrics.aggregate(np.random.default_rng(0).normal(size=(20_000, 10)))
  assert found["kl"] == pytest.approx(found["kl_floor"], rel=0.5)
  assert found["kl_floor"] == 10 * 13 / 80_000
  assert found["variance"] == pytest.approx(1, abs=0.02)
  assert found["mean_norm"] < 0.05


def test_the_kl_of_a_shifted_and_correlated_aggregate():
  rng = np.random.default_rng(0)
  c, m = np.array([[1.0, 0.8], [0.8, 2.0]]), np.array([0.5, -1.0])
  found = metrics.aggregate(rng.multivariate_normal(m, c, 200_000))
  assert found["kl"] == pytest.approx(0.5 * (3.0 + 1.25 - 2 - math.log(2 - 0.64)), rel=0.02)
  assert found["mean_norm"] == pytest.approx(math.sqrt(1.25), rel=0.02)
  assert (found["variance_min"], found["variance_max"]) == pytest.approx((1, 2), rel=0.02)


def test_auroc_by_hand():
  assert metrics.auroc([3.0, 4.0], [1.0, 2.0]) == 1
  assert metrics.auroc([1.0, 2.0], [3.0, 4.0]) == 0
  assert metrics.auroc([1.0, 1.0, 5.0], [1.0]) == pytest.approx((0.5 + 0.5 + 1) / 3)
  rng = np.random.default_rng(0)
  area = metrics.auroc(rng.normal(1, 1, 20_000), rng.normal(0, 1, 20_000))
  assert area == pytest.approx(scipy.stats.norm.cdf(1 / math.sqrt(2)), abs=0.01)
  for bad in ([], [math.nan]):
    with pytest.raises(InputError, match="AUROC"):
      metrics.auroc(bad, [1.0])


def test_sharpness_falls_with_blur_and_grows_with_contrast():
  images = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 3))
  sharp = metrics.sharpness(images)
  blurred = scipy.ndimage.gaussian_filter(images, (0, 1, 1, 0))
  assert (metrics.sharpness(blurred) < 0.1 * sharp).all()
  np.testing.assert_allclose(metrics.sharpness(0.5 * images), 0.25 * sharp, rtol=1e-4)
  pixels = np.rint((images + 1) * 127.5).astype(np.uint8)
  np.testing.assert_allclose(metrics.sharpness(pixels), metrics.sharpness(pixels / 127.5 - 1), rtol=1e-4)
  dot = np.full((1, 5, 5, 1), -1.0)
  dot[0, 2, 2] = 1.0  # nine responses: -4 in the middle, 1 at four places, and 0
  assert metrics.sharpness(dot)[0] == pytest.approx((16 + 4) / 9)


def test_the_encoder_of_the_exact_posterior_loses_nothing(linear):  # noqa: F811
  run, x, exact = linear
  found = autoencoders.posterior(run, jax.random.key(0), x)
  assert found["elbo"] == pytest.approx(exact.mean(), abs=2e-3)
  assert found["rate"] + found["distortion"] == pytest.approx(-found["elbo"], rel=1e-5)
  assert abs(autoencoders.amortisation(run, jax.random.key(0), x)["amortisation_gap"]) < 0.05
  density = run.density()
  elbo = autoencoders.gaussian_elbo(
    density, run.nets, x, density.posterior(run.nets, x), jax.random.key(0), 64
  )
  assert elbo.mean() == pytest.approx(exact.mean(), abs=0.1)


def test_the_gap_of_a_wrong_encoder_is_its_kl_from_the_posterior(linear):  # noqa: F811
  """Of a linear-Gaussian model the best Gaussian is the posterior, where the ELBO is log p(x)."""
  run, x, exact = linear
  run = worse(run)
  elbo = autoencoders.posterior(run, jax.random.key(0), x, draws=400)["elbo"]
  found = autoencoders.amortisation(run, jax.random.key(0), x)
  assert exact.mean() - elbo > 0.3
  assert found["amortisation_gap"] == pytest.approx(exact.mean() - elbo, rel=0.1)
  nll = autoencoders.likelihood(run, jax.random.key(1), x, 2000)
  assert nll["nll"] == pytest.approx(-exact.mean(), abs=0.1)
  n = x[0].size
  assert nll["bits_per_dimension"] == pytest.approx((nll["nll"] / n + math.log(127.5)) / math.log(2))


def test_the_kl_of_every_latent_adds_up_to_the_rate(linear):  # noqa: F811
  run, x, _ = linear
  found = autoencoders.posterior(run, jax.random.key(0), x, draws=2000)
  assert sum(found["kl_per_unit"]) == pytest.approx(found["rate"], abs=0.05)
  assert found["kl_per_unit"] == sorted(found["kl_per_unit"], reverse=True)
  density = run.density()._replace(observes=Observation.BITS)
  bits = run._replace(method=run.method._replace(density=density))
  names = [autoencoders.likelihood(r, jax.random.key(0), x[:2], 1)["observes"] for r in (run, bits)]
  assert (found["observes"], *names) == ("images", "images", "bits")
  assert (found["active_units"], found["latents"]) == (3, 3)


def test_images_that_are_far_off_have_a_lower_elbo(linear):  # noqa: F811
  run, x, _ = linear
  found = autoencoders.outside(run, jax.random.key(0), x, 5 * x)
  assert found["auroc"] == 1
  assert found["elbo_inside"] > found["elbo_outside"]
  assert found["pixel_error_outside"] > found["pixel_error_inside"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """A run of a VAE, one of an autoencoder, one with a flow and one of a classifier."""
  folder = tmp_path_factory.mktemp("trained")
  for name, method in {"vae": "vae", "ae": "ae", "flow": "vae", "classifier": "classifier"}.items():
    c = config(method, steps=4, best=f"valid/{method}/loss")
    if method != "classifier":
      c.method_args.network = "dense"
    if name == "flow":
      c.method_args.flow = "planar"
    loop.train(c, folder / name)
  return folder


def judge(workdir, *args):
  """The command, in this process."""
  evaluate.main(
    cli.parse(
      evaluate.FLAGS,
      ["evaluate", f"--workdir={workdir}", "--num_images=8", "--num_samples=16", "--samples=3", *args],
    )
  )


def test_a_run_is_judged_by_one_command(trained, capsys):
  judge(trained / "vae", "--outside=blobs_multi")
  said = capsys.readouterr().out
  found = json.loads((trained / "vae" / "eval" / "4.json").read_text())
  assert set(found) >= {"posterior", "likelihood", "amortisation", "outside", "reconstructions"}
  assert found["protocol"] == {"split": "test", "images": 8, "seed": 0, "version": gengap.__version__}
  assert (found["step"], found["likelihood"]["samples"]) == (4, 3)
  for name, block in (autoencoder_quantities.BLOCKS | speed.BLOCKS).items():
    for key in found[name].keys() - block.settings - {"protocol", "observes", "reason"}:
      names = (key, key.removesuffix("_error"))  # a number, or its standard error
      assert any(find(block.quantities, each, Observation.IMAGES) for each in names), key
  for name in ("4_reconstructions.png", "4_outside.png"):
    with Image.open(trained / "vae" / "eval" / name) as picture:
      assert picture.size == (16 * (8 * 10 + 2), 16 * (2 * 10 + 2))  # a row of eight 8x8, and one below
  for word in ("elbo", "nll", "amortisation_gap", "auroc", "active_units"):
    assert word in said


def test_a_vae_is_judged_by_its_samples_too(trained):
  (trained / "vae" / "eval" / "4.json").unlink(missing_ok=True)
  judge(trained / "vae", "--metrics=sharpness,posterior")
  found = json.loads((trained / "vae" / "eval" / "4.json").read_text())
  assert found["samples"]["subject"]["drawn"] == "decoder means"
  assert set(found["samples"]["scores"]) == {"sharpness"}
  assert "elbo" in found["posterior"] and "likelihood" not in found


def test_what_cannot_be_computed_has_a_reason_and_the_rest_is_written(trained, monkeypatch, capsys):
  """Of default measures; one that was asked for is an error as well, after the rest is written."""
  path = trained / "vae" / "eval" / "4.json"
  path.unlink(missing_ok=True)

  def fails(*_):
    raise InputError("the codes are all the same")

  monkeypatch.setattr(autoencoders, "posterior", fails)
  monkeypatch.setattr(autoencoders, "likelihood", lambda *_: {"nll": math.nan, "samples": 3})
  monkeypatch.setattr(autoencoders, "amortisation", lambda *_: {"amortisation_gap": 1.0})
  every = [f"--workdir={trained / 'vae'}", "--num_samples=8", "--sample_seeds=0"]
  evaluate.main(cli.parse(evaluate.FLAGS, ["evaluate", *every]))  # 1000 images by default, of 32
  found = json.loads(path.read_text())
  assert found["protocol"]["images"] == 32
  assert found["posterior"]["reason"] == "the codes are all the same"
  assert (found["likelihood"]["nll"], found["likelihood"]["reason"]) == (None, "not finite: nll")
  assert found["amortisation"]["amortisation_gap"] == 1 and found["reconstructions"]["pixel_error"] > 0
  assert found["samples"]["scores"]["sharpness"]["value"] > 0
  assert "skipped: posterior: the codes are all the same" in capsys.readouterr().out
  path.unlink()
  with pytest.raises(InputError, match="step 4: posterior: the codes are all the same"):
    judge(trained / "vae", "--metrics=posterior,reconstructions")
  assert json.loads(path.read_text())["reconstructions"]["pixel_error"] > 0


def test_what_a_run_cannot_tell_is_left_out(trained):
  for name, there, absent in (
    ("ae", {"reconstructions"}, {"posterior", "likelihood"}),
    ("flow", {"posterior", "likelihood"}, {"amortisation", "outside"}),
  ):
    judge(trained / name)
    found = set(json.loads((trained / name / "eval" / "4.json").read_text()))
    assert there <= found and not absent & found
  assert "kl_per_unit" not in json.loads((trained / "flow" / "eval" / "4.json").read_text())["posterior"]


@pytest.mark.parametrize(
  ("name", "args", "words"),
  [
    ("vae", ["--metrics=posteriors"], ["--metrics=posteriors", "did you mean 'posterior'"]),
    ("vae", ["--metrics=outside"], ["needs --outside=DATASET"]),
    ("vae", ["--outside=blobs_mutli"], ["blobs_mutli", "did you mean 'blobs_multi'"]),
    ("vae", ["--num_images=999"], ["num_images is 999", "from 2 to 32"]),
    ("vae", ["--num_images=1"], ["num_images is 1;"]),
    ("vae", ["--samples=0"], ["--samples is 0"]),
    ("vae", ["--step=7"], ["step '7' is none of last, best"]),
    ("ae", ["--metrics=likelihood"], ["'ae' has no answer", "reconstructions"]),
    ("flow", ["--metrics=amortisation"], ["no answer"]),
    ("classifier", [], ["neither an encoder nor a likelihood"]),
    ("nowhere", [], ["holds no run"]),
  ],
)
def test_bad_input_is_named(trained, name, args, words):
  before = {p: p.stat().st_mtime_ns for p in (trained / name).rglob("*")}
  with pytest.raises(InputError) as error:
    judge(trained / name, *args)
  for word in words:
    assert word in str(error.value)
  assert {p: p.stat().st_mtime_ns for p in (trained / name).rglob("*")} == before
