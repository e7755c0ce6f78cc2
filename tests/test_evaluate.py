"""The command that evaluates runs, the choice of extractors, and the files that it writes."""

import json
from typing import Any

import numpy as np
import pytest
from test_image_sets import write_pngs
from test_train import config

from gengap import config as settings
from gengap import evaluate, evaluation
from gengap.command_line import cli
from gengap.errors import InputError
from gengap.evaluation import evaluator, extractors, files
from gengap.features import inception, pixels
from gengap.run import load
from gengap.training import loop
from gengap.training.program import load_data


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """A GAN of blobs, and a classifier of the same."""
  folder = tmp_path_factory.mktemp("trained")
  for name in ("wgan_gp", "classifier"):
    best = "valid/classifier/loss" if name == "classifier" else "valid/energy_distance"
    every = dict(eval_every=2, checkpoint_every=2, sample_every=2)
    c = config(name, steps=4, best=best, **every)
    if name != "classifier":
      c.method_args.network = "dense"
    loop.train(c, folder / name)
  return folder


def judged(workdir, *args):
  """The command, in this process."""
  evaluate.main(cli.parse(evaluate.FLAGS, ["evaluate", f"--workdir={workdir}", "--num_samples=16", *args]))
  found = {p.stem: json.loads(p.read_text()) for p in (workdir / "eval").glob("*.json")}
  return {int(name): one for name, one in found.items() if name.isdecimal()}


def test_a_classifier_of_all_classes_gives_features_of_some_and_names_none(trained):
  run = load(trained / "wgan_gp")
  names = load_data(run.config, "test").classes
  some = run._replace(config=run.config.copy_and_resolve_references())
  some.config.dataset += f"/{names[0]}"
  for who, classes in ((run, names), (some, names[:1])):
    test = load_data(who.config, "test")
    assert test.classes == classes
    extractor = extractors.of_classifier(trained / "classifier", who.config.dataset, test)
    assert (extractor.classify is None) == (who is some)
    assert ("accuracy" in extractor.protocol) == (who is run)
    assert extractor.extract(test.image[:3]).shape[0] == 3
  other = run._replace(config=run.config.copy_and_resolve_references())
  other.config.dataset = "blobs_multi"
  with pytest.raises(InputError, match="classifies blobs_single"):
    extractors.of_classifier(trained / "classifier", other.config.dataset, load_data(run.config, "test"))


def test_a_gan_is_judged_by_one_command(trained):
  found = judged(trained / "wgan_gp", "--sample_seeds=0,1")[4]["samples"]
  assert {"sharpness", "blobs", "centre_ks"} <= set(found["scores"])
  assert (
    found["scores"]["frechet"]["value"] is None and "--classifier" in found["scores"]["frechet"]["reason"]
  )
  assert (found["protocol"]["samples"], found["subject"]["seeds"]) == (16, [0, 1])
  args = ("--features=classifier", f"--classifier={trained / 'classifier'}", "--step=all", "--num_images=8")
  found = judged(trained / "wgan_gp", *args)
  assert set(found) == {2, 4}
  for seen in found.values():
    assert {"frechet", "precision", "classes", "authentic"} <= set(seen["samples"]["scores"])
    assert 0 <= seen["samples"]["protocol"]["classifier"]["accuracy"] <= 1
  assert len(list((trained / "wgan_gp").glob("*.eval"))) >= 2


def test_the_command_writes_what_the_function_returns(trained):
  workdir = trained / "wgan_gp"
  (workdir / "eval" / "4.json").unlink(missing_ok=True)
  options: Any = dict(features="pixels", metrics=["frechet", "memorisation", "sharpness"], sample_seeds=[0])
  flags = ("--features=pixels", "--metrics=frechet,memorisation,sharpness", "--sample_seeds=0")
  written = judged(workdir, *flags)[4]
  found = evaluation.evaluate(load(workdir), num_samples=16, **options)
  assert json.loads(found.to_json()) | {"commands": written["commands"]} == written
  assert evaluation.evaluate(workdir, num_samples=16, **options) == found
  assert evaluation.Evaluation.from_dict(written).to_dict() == written


def test_samples_drawn_otherwise_have_a_file_of_their_own(trained):
  flags = ("--features=pixels", "--metrics=frechet,diversity", "--sample_seeds=0")
  (trained / "wgan_gp" / "eval" / "4.json").unlink(missing_ok=True)
  default = judged(trained / "wgan_gp", *flags)[4]
  path = trained / "wgan_gp" / "eval" / "4_temperature-0.5.json"
  assert judged(trained / "wgan_gp", *flags, "--sampling=temperature=0.50")[4] == default
  other = json.loads(path.read_text())
  path.unlink()
  ours, theirs = default["samples"], other["samples"]
  assert "sampling" not in ours["protocol"] and "codes" not in ours["subject"]
  assert theirs["protocol"] == ours["protocol"] | {"sampling": {"text": "temperature=0.5"}}
  assert theirs["subject"]["codes"] == "codes of the prior, temperature 0.5"
  for name, score in ours["scores"].items():
    found = theirs["scores"][name]
    assert found["floors"] == score["floors"] and found["value"] != score["value"]
    assert found["protocol"] == score["protocol"] | {"sampling": {"text": "temperature=0.5"}}
  for args, word in (("--metrics=sampling", "leave out --sampling"), ("--sampling=draw", r"no p\(x\|z\)")):
    with pytest.raises(InputError, match=word):
      judged(trained / "wgan_gp", "--sampling=temperature=0.5", args)
  assert not path.exists()


def test_the_curve_is_computed_if_it_is_named_and_passes_through_precision_and_coverage(trained):
  workdir = trained / "wgan_gp"
  flags = ("--features=pixels", "--sample_seeds=0,1", "--temperatures=0.5,1,2")
  (workdir / "eval" / "4.json").unlink(missing_ok=True)
  found = judged(workdir, *flags, "--metrics=curve,prdc")[4]
  block, scores = found["curve"], found["samples"]["scores"]
  for name in ("precision", "coverage"):
    assert block["points"][name][1] == pytest.approx(scores[name]["value"], abs=1e-5)
    assert block["real"][name] == scores[name]["floors"]["test"]
  assert block["area_low"] <= block["area"] <= block["area_high"]
  want = scores["coverage"]["protocol"] | {"temperatures": [0.5, 1, 2]}
  assert block["protocol"] == want and block["real"]["of"] == scores["coverage"]["floor_of"]
  assert (workdir / "eval" / "4_curve.png").stat().st_size > 5000
  (workdir / "eval" / "4.json").unlink()
  assert "curve" not in judged(workdir, *flags[:2], "--metrics=prdc")[4]
  for args, word in (
    (["--sampling=truncation=1"], "leave out temperature and truncation"),
    (["--temperatures=1,x"], "numbers are needed"),
    (["--num_samples=4"], "at least 6"),
  ):
    with pytest.raises(InputError, match=word):
      judged(workdir, *flags, "--metrics=curve", *args)


def test_what_was_found_before_stays_where_its_protocol_is_the_same(trained):
  (trained / "wgan_gp" / "eval" / "4.json").unlink(missing_ok=True)
  first = judged(trained / "wgan_gp", "--metrics=sharpness,sampling", "--sample_seeds=0")[4]
  second = judged(trained / "wgan_gp", "--metrics=blobs", "--sample_seeds=0")[4]
  assert second["samples"]["scores"]["sharpness"] == first["samples"]["scores"]["sharpness"]
  assert "centre_ks" in set(second["samples"]["scores"]) - set(first["samples"]["scores"])
  assert second["sampling"] == first["sampling"]
  third = judged(trained / "wgan_gp", "--metrics=sharpness", "--sample_seeds=1")[4]["samples"]["scores"]
  assert third["blobs"] == second["samples"]["scores"]["blobs"]
  assert (third["sharpness"]["seeds"], third["blobs"]["seeds"]) == ([1], [0])


NUMBER = {"value": 1.0, "protocol": {"samples": 9}}
NONE = {"value": None, "reason": "too few"}


def test_each_number_is_kept_or_replaced_by_itself():
  """Whatever else the two commands asked for, and with the protocol that it was taken by."""
  old = {"protocol": {"samples": 5, "features": "a"}, "fingerprint": "x", "subject": {}}
  old["scores"] = {
    "frechet": {"value": 3.0},
    "blobs": {"value": 2.0},
    "kid": {"value": 4.0},
    "kl": dict(NONE),
  }
  new = {"protocol": {"samples": 9}, "fingerprint": "y", "subject": {}}
  new["scores"] = {"blobs": NUMBER, "kid": NONE, "kl": NUMBER, "recall": NONE}
  found = files.combined({"samples": old, "commands": ["a"]}, {"samples": new, "commands": ["b", "a"]})
  kept = {"protocol": old["protocol"]}  # a file of an earlier version has no protocol in each score
  assert found["samples"] == new | {
    "scores": {
      "frechet": {"value": 3.0} | kept,
      "blobs": NUMBER,
      "kid": {"value": 4.0} | kept,
      "kl": NUMBER,
      "recall": NONE,
    }
  }
  assert found["commands"] == ["a", "b"]
  assert files.combined({"commands": []}, found) == found


def test_measures_of_other_images_keep_their_protocol():
  old = {
    "protocol": {"images": 8},
    "posterior": {"elbo": 1},
    "sampling": {"batch": 2},
    "likelihood": {"nll": 3},
  }
  new = {
    "protocol": {"images": 9},
    "likelihood": {"nll": 2},
    "posterior": {"reason": "no"},
    "commands": ["b"],
  }
  found = files.combined(old, new)
  assert found["posterior"] == {"elbo": 1, "protocol": {"images": 8}}
  assert (found["likelihood"], found["sampling"]) == (new["likelihood"], old["sampling"])
  assert (found["protocol"], found["commands"]) == (new["protocol"], ["b"])


@pytest.mark.parametrize(("name", "number"), [("prdc", 5), ("inception_score", 9), ("memorisation", 3)])
def test_a_metric_that_is_named_and_has_too_few_images_is_refused_before_any_work(
  trained, name, number, monkeypatch
):
  monkeypatch.setattr(extractors, "select", None)
  args = ("--features=classifier", f"--classifier={trained / 'classifier'}", f"--num_samples={number}")
  with pytest.raises(InputError, match=f"--metrics={name}: .* needs at least .*, and there are {number}"):
    judged(trained / "wgan_gp", f"--metrics={name}", *args)


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_a_damaged_evaluation_is_written_anew(tmp_path, text):
  (tmp_path / "4.json").write_text(text)
  assert files.read(tmp_path / "4.json") == {}


def test_inception_is_shown_a_grey_image_three_times_and_says_so(trained, monkeypatch, capsys):
  monkeypatch.setattr(
    inception, "extractor", lambda path, resize: pixels.extractor()._replace(protocol={"resize": resize})
  )
  args = ("--features=inception", "--inception=weights.npz", "--metrics=frechet", "--sample_seeds=0")
  assert judged(trained / "wgan_gp", *args)[4]["samples"]["protocol"]["features"] == {"resize": "clean"}
  assert "a grey image is shown three times" in capsys.readouterr().err


@pytest.mark.parametrize(
  ("args", "words"),
  [
    (["--features=inception"], ["--inception=FILE", "gengap.prepare inception --download"]),
    (["--features=classifier"], ["needs a classifier of blobs_single: --classifier=train"]),
    (["--metrics=frechet"], ["--features=classifier needs"]),
    (["--metrics=frechett"], ["did you mean 'frechet'"]),
    (["--metrics=classes", "--features=classifier", "--classifier={}/wgan_gp"], ["run of 'wgan_gp'"]),
    (["--metrics=posterior"], ["'wgan_gp' has no answer"]),
    (["--features=inception", "--inception={}/none.pth"], ["no such file"]),
    (["--num_samples=1"], ["--num_samples is 1"]),
    (["--sample_seeds=a"], ["--sample_seeds=a"]),
    (["--sample_seeds=0,0"], ["sample_seeds is [0, 0]", "different whole numbers"]),
    (["--step=3"], ["step '3' is none of"]),
    (["--features=inception", "--inception={}/none.pth", "--metrics=sharpness"], ["no such file"]),
    (["--metrics=inception_score", "--features=pixels"], ["knows no classes"]),
    (["--metrics=classes"], ["--classifier=DIR"]),
  ],
)
def test_bad_input_is_named(trained, args, words, monkeypatch):
  monkeypatch.setattr(evaluator, "SampleEvaluator", None)  # nothing is looked at before
  with pytest.raises(InputError) as error:
    judged(trained / "wgan_gp", *(a.format(trained) for a in args))
  for word in words:
    assert word in str(error.value)


def test_samples_of_a_run_that_are_saved_as_files_have_the_numbers_of_the_run(trained, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  run = load(trained / "wgan_gp")
  config = run.config.copy_and_resolve_references()
  config.update(settings.base("wgan_gp", "blobs_single"), image_size=8)  # blobs as they are by default
  run = run._replace(config=config)
  options: Any = dict(features="pixels", num_samples=40, sample_seeds=[0])
  options["metrics"] = ["frechet", "prdc", "memorisation", "sharpness"]
  judge = evaluation.Evaluator(run, options=evaluation.Options(**options))
  by_run, (draw,) = judge.evaluate(run), judge.samples(run).draws
  write_pngs(tmp_path / "samples", np.repeat(np.concatenate(list(draw)), 3, -1))
  flags = ("--features=pixels", f"--metrics={','.join(options['metrics'])}", "--num_samples=40")
  evaluate.main(
    cli.parse(
      evaluate.FLAGS, ["evaluate", "--generated=samples", "--reference=blobs_single", "--out=a.json", *flags]
    )
  )
  found = evaluation.Evaluation.from_json((tmp_path / "a.json").read_text())
  assert (found.fingerprint, found.protocol) == (by_run.fingerprint, by_run.protocol)
  for name, score in by_run.scores.items():
    other = found.scores[name]
    assert (other.value, other.floor) == (
      pytest.approx(score.value, rel=1e-6),
      pytest.approx(score.floor, rel=1e-6),
    )
    assert other.protocol == score.protocol
