"""Whole runs, small: what they write, how they resume, and how they stop."""

import contextlib
import itertools
import json
import math
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]  # generated

import gengap
from gengap import config as settings
from gengap.errors import InputError, NonFiniteError
from gengap.logs import log
from gengap.logs.log import Log
from gengap.logs.loggers import EventFile
from gengap.method import State
from gengap.networks import convolution
from gengap.training import checkpoint, compiling, loop, member, program, validation, what_next, workdirs
from gengap.training.population import Numbers
from gengap.training.window import Window
from results.scale import faults

ROOT = pathlib.Path(__file__).parents[1]


def config(method="vae", **fields):
  """A run of 12 steps that takes a second after compilation; a dense VAE compiles in half the time."""
  network = {"network": "dense"} if method == "vae" else {}
  c = settings.base(method, "blobs_single", **(tiny.ARGS[method] | {"width": 4} | network))
  c.dataset_args.num_train, c.dataset_args.num_test = 64, 32
  c.update(dict(image_size=8, batch_size=8, steps=12, validation_share=0.5, eval_images=16, log_every=2))
  c.update(dict(sample_every=4, eval_every=4, checkpoint_every=4, keep_checkpoints=2, best="valid/vae/loss"))
  if method == "wgan_gp":
    c.best = "valid/energy_distance"
  c.update(fields)
  return c


def lines(workdir):
  return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def steps(workdir):
  return sorted(int(p.name) for p in (workdir / "checkpoints").iterdir() if p.name.isdigit())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  """An uninterrupted run of each method: name -> (workdir, last state)."""
  folder = tmp_path_factory.mktemp("whole")
  return {name: (folder / name, loop.train(config(name), folder / name)) for name in tiny.KINDS}


@pytest.mark.parametrize("name", tiny.KINDS)
def test_a_workdir_holds_what_a_run_promises(whole, name):
  workdir, _ = whole[name]
  assert json.loads((workdir / "config.json").read_text())["method"] == name
  assert json.loads((workdir / "run.json").read_text())["adversarial"] == (name == "wgan_gp")
  assert {int(p.stem) for p in (workdir / "samples").glob("[0-9]*.png")} == {4, 8, 12}
  assert list(workdir.glob("events.out.tfevents.*"))
  assert set(steps(workdir)) >= {8, 12}
  trained = [line for line in lines(workdir) if "steps_per_second" in line]
  judged = [line for line in lines(workdir) if "valid/energy_distance" in line]
  assert [line["step"] for line in trained] == [2, 4, 6, 8, 10, 12]
  assert [line["step"] for line in judged] == [4, 8, 12]
  assert all(np.isfinite(value) for line in lines(workdir) for value in line.values())


def events(path):
  """The events of a TensorBoard file: records of length, checksum, content and its checksum."""
  data, at = path.read_bytes(), 0
  while at < len(data):
    (length,) = struct.unpack_from("<Q", data, at)
    yield Event.FromString(data[at + 12 : at + 12 + length])
    at += 16 + length


def test_tensorboard_gets_the_numbers_of_the_log_and_the_pictures(whole):
  workdir, _ = whole["vae"]
  (path,) = workdir.glob("events.out.tfevents.*")
  values = [(event.step, value) for event in events(path) for value in event.summary.value]
  numbers = {(step, v.tag): v.simple_value for step, v in values if not v.image.encoded_image_string}
  told = {(line["step"], name): line[name] for line in lines(workdir) for name in line if name != "step"}
  assert numbers == pytest.approx(told)
  assert [step for step, v in values if v.tag == "samples"] == [4, 8, 12]


def test_training_lowers_the_loss(tmp_path):
  rarely = dict(sample_every=200, eval_every=200, checkpoint_every=200)
  loop.train(config("vae", steps=200, log_every=50, **rarely), tmp_path)
  trained = [line["vae/loss"] for line in lines(tmp_path) if "vae/loss" in line]
  assert trained[-1] < 0.7 * trained[0]


@pytest.mark.parametrize("name", tiny.KINDS)
def test_resumed_equals_uninterrupted(whole, name, tmp_path):
  workdir, expected = whole[name]
  c = config(name)
  half = config(name, steps=8)
  loop.train(half, tmp_path)
  (tmp_path / "config.json").unlink()  # the only difference is where the first half stopped
  state = loop.train(c, tmp_path)
  tiny.assert_identical(state, expected)
  drop = lambda line: {k: v for k, v in line.items() if k != "steps_per_second"}  # noqa: E731
  assert [drop(x) for x in lines(tmp_path)] == [drop(x) for x in lines(workdir)]


def test_a_clock_that_is_set_back_changes_nothing(whole, tmp_path, monkeypatch):
  """Checkpoints are known by their steps, and lines of the log by theirs, never by a time."""
  looks, now = itertools.count(), time.time
  monkeypatch.setattr(time, "time", lambda: now() - 86400 * next(looks))
  for left in (8, 4):
    state = loop.train(config("vae"), tmp_path)
    for i, path in enumerate(sorted(tmp_path.rglob("*"))):
      os.utime(path, (1e9 - i, 1e9 - i))
    if left == 8:
      shutil.rmtree(tmp_path / "checkpoints" / "12")
  tiny.assert_identical(state, whole["vae"][1])
  assert [x["step"] for x in lines(tmp_path)] == [x["step"] for x in lines(whole["vae"][0])]


def test_several_steps_in_a_dispatch_change_nothing(whole, tmp_path):
  state = loop.train(config("vae", steps_per_dispatch=2), tmp_path)
  tiny.assert_identical(state, whole["vae"][1])


def test_the_compiler_gets_its_options(monkeypatch):
  monkeypatch.setattr(convolution, "compiler_options", lambda: {"xla_cpu_no_such": "1"})
  c = config("vae")
  with pytest.raises(jax.errors.JaxRuntimeError, match="xla_cpu_no_such"):
    program.compile_program(c, program.load_data(c, "train"))


@pytest.mark.parametrize(
  ("values", "patience", "over"),
  [
    ([], 2, False),
    ([3.0], 2, False),
    ([3.0, 4.0], 2, False),
    ([3.0, 4.0, 3.5], 2, True),
    ([3.0, 4.0, 2.0], 2, False),
    ([3.0, 2.0, 2.0, 2.0], 2, True),
    ([3.0, np.inf, np.nan], 2, True),
    ([np.nan, 3.0, 4.0], 2, False),
    ([3.0, np.nan, 2.0], 2, False),
    ([3.0, -np.inf], 1, True),
    ([3.0, 4.0, 5.0], 0, False),
  ],
)
def test_patience_by_hand(values, patience, over):
  assert member.stale(values, patience) is over


def test_training_stops_when_nothing_gets_better(tmp_path, capfd):
  """At a rate of nothing the second evaluation is the first again; an interruption changes nothing of it."""
  still = config("vae", steps=40, patience=1, log_every=4)
  still.method_args.learning_rate = 1e-30
  state = loop.train(still, tmp_path / "whole")
  assert "done at step 8: valid/vae/loss has not fallen in 1 evaluations" in capfd.readouterr().err
  assert int(state.step) == 8
  assert (tmp_path / "whole" / "samples" / "8.png").exists()
  half = still.copy_and_resolve_references()
  half.steps = 4
  loop.train(half, tmp_path / "half")
  (tmp_path / "half" / "config.json").unlink()
  assert int(loop.train(still, tmp_path / "half").step) == 8
  assert int(loop.train(still, tmp_path / "half").step) == 8


def test_patience_needs_the_best_weights_to_be_kept(tmp_path):
  with pytest.raises(InputError, match=r"config.patience is 1, .*no multiple of config.checkpoint_every, 8"):
    loop.train(config("vae", patience=1, checkpoint_every=8), tmp_path / "run")
  with pytest.raises(InputError, match=r"config.patience is -1"):
    loop.train(config("vae", patience=-1), tmp_path / "run")


def test_a_finished_run_is_left_alone(whole, capsys):
  workdir, expected = whole["vae"]
  before = lines(workdir)
  tiny.assert_identical(loop.train(config("vae"), workdir), expected)
  assert lines(workdir) == before


def test_fields_that_are_newer_than_a_run_count_as_their_defaults(tmp_path):
  c = config("wgan_gp")
  fields = settings.plain(c)
  del fields["horizontal_flip"], fields["method_args"]["penalty_interval"], fields["method_args"]["gamma"]
  (tmp_path / "config.json").write_text(json.dumps(fields))
  workdirs.check_same(tmp_path, c)
  assert settings.complete(fields) == settings.plain(c)
  c.horizontal_flip, c.method_args.penalty_interval = True, 4
  with pytest.raises(InputError, match=r"horizontal_flip \(False there, True here\), config.method_args.pen"):
    workdirs.check_same(tmp_path, c)


def test_another_config_is_refused_and_its_fields_named(whole):
  workdir, _ = whole["vae"]
  before = {p: p.stat().st_mtime_ns for p in workdir.rglob("*")}
  other = config("vae", batch_size=16)
  other.method_args.learning_rate = 0.5
  with pytest.raises(InputError, match=r"batch_size \(8 there, 16 here\).*learning_rate"):
    loop.train(other, workdir)
  assert {p: p.stat().st_mtime_ns for p in workdir.rglob("*")} == before


def test_a_finished_run_is_extended_and_ends_where_a_longer_one_does(whole, tmp_path):
  loop.train(config("vae", steps=8), tmp_path)
  tiny.assert_identical(loop.train(config("vae"), tmp_path), whole["vae"][1])
  assert json.loads((tmp_path / "config.json").read_text())["steps"] == 12
  assert [x["step"] for x in lines(tmp_path)] == [x["step"] for x in lines(whole["vae"][0])]


def test_a_run_is_extended_only_before_a_learning_rate_is_0(tmp_path):
  def written(steps, **args):
    c = config("wgan_gp", steps=steps)
    c.method_args.update(args)
    return c

  ends = dict(decay_steps=12, critic_decay_steps=24)  # the critic has two updates a step
  (tmp_path / "config.json").write_text(json.dumps(settings.plain(written(8, **ends))))
  assert workdirs.check_same(tmp_path, written(12, **ends))
  assert not workdirs.check_same(tmp_path, written(8, **ends))
  with pytest.raises(InputError, match=r"critic_decay_steps is 24, .* at step 12; .*decay_steps=26"):
    workdirs.check_same(tmp_path, written(13, **ends))
  with pytest.raises(InputError, match=r"steps \(8 there, 4 here\); only a larger config.steps extends"):
    workdirs.check_same(tmp_path, written(4, **ends))


@pytest.mark.parametrize(
  ("held_out", "eval_images", "divided"), [(7, 9, (1, 7)), (20, 3, (1, 3)), (20, 17, (2, 8))]
)
def test_held_out_images_are_evaluated_in_whole_batches_or_all_at_once(held_out, eval_images, divided):
  c = config("vae", eval_images=eval_images)
  images = gengap.data.Dataset(np.zeros((held_out, 8, 8, 1), np.uint8), np.zeros(held_out, int), ("a",), {})
  assert validation.batches_of(c, images) == divided
  assert ("less than a batch of 8" in validation.describe_small(c, images)) == (divided[1] < 8)


def test_a_handful_of_images_trains(tmp_path):
  """Fewer than a batch, and one of them held out."""
  c = config("vae", steps=4, validation_share=0.2)
  c.dataset_args.num_train = 5
  assert loop.train(c, tmp_path).step == 4
  judged = [line for line in lines(tmp_path) if "valid/vae/loss" in line]
  assert [line["valid/energy_distance"] for line in judged] == [None]
  assert all(math.isfinite(line["valid/vae/loss"]) for line in judged)


@pytest.mark.parametrize(
  ("at", "said"),
  [
    (3, "interrupted at step 2 of 12; the same command starts again, since the first checkpoint .* step 4"),
    (11, "interrupted at step 10 of 12; the same command resumes from the checkpoint of step 8"),
  ],
)
def test_an_interrupt_says_where_the_run_goes_on(tmp_path, monkeypatch, at, said):
  advance = member.Member.advance

  def interrupted(self, *args):
    if self.step + 1 == at:
      raise KeyboardInterrupt
    advance(self, *args)

  monkeypatch.setattr(member.Member, "advance", interrupted)
  with pytest.raises(KeyboardInterrupt, match=said):
    loop.train(config("vae"), tmp_path)


def test_an_interrupt_while_it_compiles_says_that_nothing_has_begun(tmp_path, monkeypatch):
  def interrupted(*_):
    raise KeyboardInterrupt

  monkeypatch.setattr(compiling, "together", interrupted)
  with pytest.raises(KeyboardInterrupt, match=r"interrupted before the first step; .* starts again"):
    loop.train(config("vae"), tmp_path)


def command(workdir, *extra, steps=4000):
  small = [f"--config.method_args.{k}={v}" for k, v in dict(network="dense", width=4, latent_dim=2).items()]
  often = [f"--config.{k}=20" for k in ("checkpoint_every", "sample_every", "eval_every", "log_every")]
  sizes = [
    "--config.image_size=8",
    "--config.batch_size=8",
    "--config.eval_images=8",
    f"--config.steps={steps}",
  ]
  blobs = ["--config.dataset_args.num_train=64", "--config.validation_share=0.5"]
  args = ["--config=configs/vae.py", f"--workdir={workdir}", *small, *often, *sizes, *blobs, *extra]
  return [sys.executable, "-m", "gengap.main", *args]


def start(workdir, *extra, **options):
  env = os.environ | {"PYTHONPATH": str(ROOT)}
  return subprocess.Popen(
    command(workdir, *extra, **options), cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True
  )


def said(process):
  """Returns what a process has written to stderr."""
  return process.stderr.read()


def wait_for(condition, process):
  for _ in range(1200):
    if condition():
      return
    assert process.poll() is None, said(process)[-2000:]
    time.sleep(0.05)
  raise AssertionError("nothing happened within a minute")


def test_a_killed_run_ends_where_an_uninterrupted_one_does(tmp_path):
  """One run is stopped in two ways, wherever it happens to be; another is not."""
  for how, after in ((signal.SIGTERM, 20), (signal.SIGKILL, 60)):
    process = start(tmp_path / "killed", steps=160)
    wait_for(lambda after=after: after in recent(tmp_path / "killed"), process)
    process.send_signal(how)
    process.wait(timeout=60)
    assert process.returncode == (0 if how == signal.SIGTERM else -how), said(process)
  for name in ("killed", "whole"):
    process = start(tmp_path / name, steps=160)
    assert process.wait(timeout=120) == 0, said(process)[-2000:]
  a, b = (gengap.load(tmp_path / name) for name in ("killed", "whole"))
  assert a.step == b.step == 160
  tiny.assert_identical(a.nets, b.nets)
  assert [x["step"] for x in lines(tmp_path / "killed")] == [x["step"] for x in lines(tmp_path / "whole")]


def recent(workdir):
  return steps(workdir) if (workdir / "checkpoints").is_dir() else []


def test_a_truncated_checkpoint_falls_back_to_the_one_before(whole, tmp_path, capfd):
  expected = whole["vae"][1]
  c = config("vae")
  loop.train(c, tmp_path)
  for file in (tmp_path / "checkpoints" / "12").rglob("*"):
    if file.is_file() and "/d/" in str(file):
      os.truncate(file, file.stat().st_size // 2)
  tiny.assert_identical(loop.train(c, tmp_path), expected)
  said = capfd.readouterr().err
  assert "12 cannot be read" in said
  assert gengap.load(tmp_path).step == 12  # written again, whole


def test_a_run_without_one_readable_checkpoint_is_refused(tmp_path):
  c = config("vae", steps=4)
  loop.train(c, tmp_path)
  for file in (tmp_path / "checkpoints" / "4").rglob("*"):
    if file.is_file() and "/d/" in str(file):
      os.truncate(file, 10)
  with pytest.raises(InputError, match=r"no checkpoint .* can be read"):
    loop.train(c, tmp_path)


def test_a_non_finite_loss_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path):
  c = config("vae", steps=400, log_every=4)
  c.method_args.learning_rate, c.method_args.clip_norm = 1e3, 0.0
  with pytest.raises(NonFiniteError, match=r"turn 'vae' is (nan|inf|-inf) at step \d+"):
    loop.train(c, tmp_path)
  for step in recent(tmp_path):
    nets = gengap.load(tmp_path, step).nets
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(nets))


@pytest.mark.parametrize(
  ("name", "part", "where", "spoil", "message"),
  [
    ("wgan_gp", "loss", 0, faults.in_the_batch, "the loss of turn 'critic' is nan at step 6"),
    ("wgan_gp", "tx", -1, faults.in_the_weights, "is nan at step 7"),
    ("vae", "loss", -1, faults.in_the_gradient, "the gradient norm of turn 'vae' is nan at step 6"),
  ],
)
def test_what_is_not_finite_is_named_and_the_last_good_checkpoint_kept(
  tmp_path, monkeypatch, name, part, where, spoil, message
):
  spoilt = faults.spoilt(program.methods.build, part, where, spoil, 5)
  monkeypatch.setattr(program.methods, "build", spoilt)
  c = config(name, ema=0.5)
  with pytest.raises(NonFiniteError, match=message):
    loop.train(c, tmp_path)
  assert steps(tmp_path) == [4]
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(gengap.load(tmp_path).nets))
  assert all(line["step"] <= 6 for line in lines(tmp_path))


def test_bad_weights_are_not_saved():
  nets = {"g": {"params": {"w": jnp.array([1.0, jnp.nan])}}, "d": {"params": {"w": jnp.ones(2)}}}
  with pytest.raises(NonFiniteError, match="'g' are not finite after step 7"):
    member.check_weights(State(jnp.int32(7), nets, {}, {}), 7)
  member.check_weights(State(jnp.int32(7), {"d": nets["d"]}, {}, {}), 7)


@pytest.mark.parametrize(
  ("scores", "best"),
  [
    ([2.0, math.nan, 3.0], 1),
    ([2.0, 3.0, math.nan], 1),
    ([2.0, 3.0, -math.inf], 1),
    ([math.nan, 3.0, None, 4.0], 2),
    ([3.0, 2.0, 4.0], 2),
    ([3.0, 2.0, 2.0, 5.0], 3),
    ([math.nan, math.inf, None], None),
  ],
)
def test_the_best_checkpoint_has_the_smallest_finite_score_and_is_kept(tmp_path, scores, best):
  """Beside the latest. None stands for a checkpoint that was not scored."""
  with contextlib.closing(checkpoint.Checkpoints(tmp_path, keep=1, best="valid/x")) as checkpoints:
    for i, score in enumerate(scores):
      state = State(jnp.int32(i + 1), {"g": {"params": {"w": jnp.ones(1)}}}, {}, {})
      checkpoints.save(state, {}, {} if score is None else {"valid/x": score})
    checkpoints.wait()
    assert steps(tmp_path) == sorted({best or len(scores), len(scores)})
  with contextlib.closing(checkpoint.Checkpoints(tmp_path, best="valid/x")) as reopened:
    if best:
      assert reopened.find("best") == best
    else:
      with pytest.raises(InputError, match=r"no checkpoint in .* has a finite valid/x, .*last, 3"):
        reopened.find("best")


def test_the_best_checkpoint_is_that_of_the_smallest_logged_number(whole):
  workdir, _ = whole["vae"]
  judged = {x["step"]: x["valid/vae/loss"] for x in lines(workdir) if "valid/vae/loss" in x}
  assert gengap.load(workdir, "best").step == min(judged, key=lambda step: judged[step])


def test_numbers_that_are_not_finite_are_null_and_end_nothing(tmp_path):
  """Neither the log, nor TensorBoard, nor training, whose losses alone must be finite."""
  log = Log(tmp_path, 0, 2, sinks=[EventFile(tmp_path, "train")])
  window = Window(log, every=2, batch_size=1)
  odd = {"vae/active_units": jnp.array([jnp.nan, 1.0]), "critic/diversity": jnp.array([jnp.inf, 1.0])}
  window.push(2, [Numbers({"vae/loss": jnp.ones(2), "vae/gradient_norm": jnp.ones(2)} | odd)])
  window.flush()
  log.close()
  (line,) = (json.loads(line, parse_constant=pytest.fail) for line in (tmp_path / "metrics.jsonl").open())
  assert (line["vae/active_units"], line["critic/diversity"], line["vae/loss"]) == (None, None, 1)
  (path,) = tmp_path.glob("**/events.out.tfevents.*")
  told = {v.tag: v.simple_value for event in events(path) for v in event.summary.value}
  assert "vae/loss" in told
  assert all(math.isfinite(value) for value in told.values())


def test_the_newest_checkpoint_is_the_last_and_the_smallest_score_the_best(tmp_path):
  """Two are kept, and the best beside them; a run goes on from the newest."""
  with contextlib.closing(checkpoint.Checkpoints(tmp_path, keep=2, best="loss")) as kept:
    for step, loss in enumerate((0.5, 0.1, 0.3, 0.4, 0.2), start=1):
      kept.save(State(jnp.int32(step), {"g": {"w": jnp.full(2, step)}}, {}, {}), {"spec": {}}, {"loss": loss})
      kept.wait()
    assert kept.steps() == [5, 4, 2]
    assert (kept.find("last"), kept.find("best"), kept.find("4")) == (5, 2, 4)
    state = kept.resume(State(jnp.int32(0), {"g": {"w": jnp.zeros(2, int)}}, {}, {}), print)
  assert state
  assert (int(state.step), state.nets["g"]["w"].tolist()) == (5, [5, 5])


def test_a_checkpoint_in_which_a_bit_has_changed_is_not_believed(whole, tmp_path, capfd):
  """Wherever it is: not every format that lies below notices."""
  shutil.copytree(whole["vae"][0], tmp_path / "run")
  rng, missed = np.random.default_rng(0), 0
  files = [p for p in (tmp_path / "run/checkpoints/12/nets").rglob("*") if p.is_file()]
  path = max(files, key=lambda path: path.stat().st_size)
  for _ in range(12):
    data = bytearray(good := path.read_bytes())
    data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)
    try:
      read = gengap.load(tmp_path / "run").nets
    except InputError as error:
      assert "12 cannot be read" in str(error) or "12 is damaged" in str(error)
    else:  # where the bit decides nothing
      missed += 1
      tiny.assert_identical(read, gengap.load(whole["vae"][0]).nets)
    path.write_bytes(good)
  assert missed < 6


def test_checksums_see_a_changed_number_and_a_changed_word(tmp_path):
  tree = {"a": np.arange(4.0), "b": jnp.ones((2, 2), jnp.bfloat16)}
  other = tree | {"a": np.array([0, 1, 2, np.nextafter(3.0, 4)])}
  assert checkpoint.checksum(tree) == checkpoint.checksum(jax.tree.map(np.array, tree))
  assert checkpoint.checksum(tree) != checkpoint.checksum(other)
  meta = {"step": 3, "spec": {"shape": (8, 8, 1)}}
  assert checkpoint.text_checksum(meta) == checkpoint.text_checksum(json.loads(json.dumps(meta)))
  assert checkpoint.text_checksum(meta) != checkpoint.text_checksum(meta | {"step": 4})


def test_a_damaged_description_of_a_checkpoint_is_told(tmp_path):
  c = config("vae", steps=4)
  loop.train(c, tmp_path)
  (path,) = (tmp_path / "checkpoints" / "4" / "meta").rglob("metadata")
  text = path.read_text()
  for bad in (text.replace('"ema": 0.0', '"ema": 0.5'), text[:20], "[]", "{}"):
    assert bad != text
    path.write_text(bad)
    with pytest.raises(InputError, match=r"4 (is damaged|cannot be read)"):
      gengap.load(tmp_path)


def numbers_of(workdir):
  """Returns the lines of a log without what a clock decides; each must be whole, and no step told twice."""
  found = [{k: v for k, v in line.items() if k != "steps_per_second"} for line in lines(workdir)]
  told = [(line["step"], "valid" in "".join(line)) for line in found]
  assert len(set(told)) == len(told)
  return found


@pytest.mark.faults
def test_a_run_killed_25_times_ends_where_an_uninterrupted_one_does(tmp_path):
  """At random moments: while it starts, compiles, trains, evaluates, logs or saves."""
  rng, kills = np.random.default_rng(0), 0
  while kills < 25:
    process = start(tmp_path / "killed", steps=6000)
    try:
      process.wait(rng.uniform(0, 12))
      assert process.returncode == 0, said(process)[-2000:]
      break
    except subprocess.TimeoutExpired:
      process.kill()
      process.communicate()
      kills += 1
  assert kills == 25  # the run is long enough for them
  for name in ("killed", "whole"):
    process = start(tmp_path / name, steps=6000)
    process.communicate()
    assert process.returncode == 0
  a, b = (gengap.load(tmp_path / name) for name in ("killed", "whole"))
  assert a.step == b.step == 6000
  tiny.assert_identical(a.nets, b.nets)
  assert numbers_of(tmp_path / "killed") == numbers_of(tmp_path / "whole")


def test_what_a_compilation_will_take_is_said(monkeypatch):
  monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
  assert "in the cache" in compiling.forecast(10_000, cached=True)
  assert ": seconds the first time" in compiling.forecast(500, cached=False)
  assert ": about a minute the first time" in compiling.forecast(10_000, cached=False)
  assert ": about 10 minutes the first time" in compiling.forecast(100_000, cached=False)


def test_a_compilation_is_noted_once_it_has_succeeded(tmp_path, monkeypatch, capfd):
  monkeypatch.setenv("GENGAP_CACHE", str(tmp_path))
  lowered = jax.jit(lambda x: x + 41).lower(1.0)
  for cached in (False, True):
    assert compiling.together([lowered], lowered)[0](1.0) == 42
    assert ("in the cache" in capfd.readouterr().err) == cached


def test_a_long_wait_gives_signs_of_life(monkeypatch, capfd):
  monkeypatch.setattr(log, "ALIVE_SECONDS", 0.02)
  with log.still_alive("waiting"):
    time.sleep(0.2)
  said = capfd.readouterr().err.splitlines()
  assert len(said) > 1
  assert all(line.startswith("still waiting, 0 s") for line in said)


def test_the_first_line_comes_before_jax_is_imported():
  code = "import sys, gengap.main as m; m.greet(['', '--config=vae', '--workdir', 'b']); "
  code += "print('jax' in sys.modules)"
  done = subprocess.run(
    [sys.executable, "-c", code],
    cwd=ROOT,
    env=os.environ | {"PYTHONPATH": str(ROOT)},
    capture_output=True,
    text=True,
  )
  assert done.stdout == "False\n", done.stderr
  assert "training vae in b" in done.stderr.splitlines()[0]


def test_the_next_commands_name_the_runs(whole):
  workdir, _ = whole["vae"]
  said = what_next.describe(config("vae"), workdir)
  for words in (
    f"{workdir}/samples/12.png",
    f"evaluate --workdir={workdir} --metrics=blobs",
    "gengap.report",
  ):
    assert words in said
  assert pathlib.Path(said.splitlines()[0].removeprefix("samples: ")).exists()
  several = config("vae", dataset="digits", seeds=2)
  found = what_next.commands(several, [workdir / "0", workdir / "1"], workdir / "report", generates=True)
  assert found["scores"].endswith("/0 --classifier=train")
  assert f"--workdirs={workdir}/0,{workdir}/1 " in found["page"]
