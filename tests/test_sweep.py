"""Grids of trainings: what runs, what is left alone, and what a failure or an interrupt leaves."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from launch import children, sweep

TRAINING = """
import json, os, pathlib, signal, sys, time
folder, behaviour = pathlib.Path(sys.argv[1]), sys.argv[2]
folder.mkdir(parents=True, exist_ok=True)
(folder / "config.json").write_text(json.dumps({"steps": 10}))
starts = folder / "starts"
starts.write_text(str(int(starts.read_text()) + 1 if starts.exists() else 1))
(folder / "cores").write_text(json.dumps(sorted(os.sched_getaffinity(0))))
def log(step):
  with (folder / "metrics.jsonl").open("a") as file:
    print(json.dumps({"step": step}), file=file)
log(5)
if behaviour == "fail":
  sys.exit("error: the loss is nan")
if behaviour == "preempted":
  print("stopped at step 5 of 10")
  sys.exit(0)
if behaviour == "meet":
  others = [p for p in folder.parents[1].iterdir() if p != folder.parent]
  until = time.monotonic() + 20
  while not all((p / "0" / "starts").exists() for p in others):
    if time.monotonic() > until:
      sys.exit("nobody came")
    time.sleep(0.05)
if behaviour == "wait":
  def save(*_):
    log(7)
    print("stopped at step 7 of 10")
    sys.exit(0)
  signal.signal(signal.SIGTERM, save)
  while True:
    time.sleep(0.05)
log(10)
print("done at step 10 of 10")
"""


@pytest.fixture(autouse=True)
def fast(monkeypatch):
  monkeypatch.setattr(sweep, "POLL", 0.05)


def member(out, name, behaviour="train"):
  workdir = out / name / "0"
  return sweep.Training(name, (sys.executable, "-c", TRAINING, str(workdir), behaviour), workdir)


def starts(one):
  return int((one.workdir / "starts").read_text())


def test_a_grid_is_the_product_in_the_order_of_seeds(tmp_path):
  members = sweep.grid(tmp_path, ["wgan_gp", "vae"], ["mnist", "cifar10/bird"], [3, 4], {"steps": 7})
  assert [m.name for m in members[:4]] == [
    "mnist/wgan_gp/3",
    "mnist/vae/3",
    "cifar10_bird/wgan_gp/3",
    "cifar10_bird/vae/3",
  ]
  assert len({m.workdir for m in members}) == 8
  assert members[-1].command[3:] == (
    "--config=configs/vae.py:cifar10/bird",
    f"--workdir={tmp_path}/cifar10_bird/vae/4",
    "--config.steps=7",
    "--config.seed=4",
  )


def test_a_failed_member_is_told_of_and_the_others_run(tmp_path, capfd):
  members = [member(tmp_path, "a"), member(tmp_path, "b", "fail"), member(tmp_path, "c")]
  assert sweep.run(members) == [members[1]]
  assert [sweep.done(m) for m in members] == [True, False, True]
  assert "failed: b: error: the loss is nan" in capfd.readouterr().err


def test_what_is_done_is_left_alone_and_what_failed_is_tried_again(tmp_path):
  members = [member(tmp_path, "a"), member(tmp_path, "b", "fail")]
  sweep.run(members)
  mended = member(tmp_path, "b")
  assert sweep.run([members[0], mended]) == []
  assert (starts(members[0]), starts(mended)) == (1, 2)


def test_a_run_whose_folder_was_deleted_is_not_done(tmp_path):
  one = member(tmp_path, "a")
  sweep.run([one])
  assert sweep.done(one)
  (one.workdir / "config.json").unlink()
  assert not sweep.done(one)


def test_a_member_that_cannot_start_ends_no_other(tmp_path):
  (tmp_path / "a").write_text("a file, not a folder")
  members = [member(tmp_path, "a"), member(tmp_path, "b")]
  assert sweep.run(members) == members[:1]
  assert sweep.done(members[1])


def test_another_command_is_not_done(tmp_path):
  sweep.run([member(tmp_path, "a")])
  assert not sweep.done(member(tmp_path, "a", "wait"))


def test_a_training_that_was_preempted_is_not_done(tmp_path):
  one = member(tmp_path, "a", "preempted")
  assert sweep.run([one]) == [one]
  assert not sweep.done(one)


def test_jobs_run_at_a_time_each_on_its_own_cores(tmp_path):
  members = [member(tmp_path, name, "meet") for name in "ab"]
  assert sweep.run(members, jobs=2) == []
  cores = [set(map(int, (m.workdir / "cores").read_text().strip("[]").split(","))) for m in members]
  assert cores[0] | cores[1] == os.sched_getaffinity(0)
  if len(os.sched_getaffinity(0)) > 1:
    assert not cores[0] & cores[1]


def test_a_child_has_its_cores_from_its_first_moment_on(monkeypatch):
  mine, seen = os.sched_getaffinity(0), []
  monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: seen.append(os.sched_getaffinity(0)))
  children.start(["true"], (min(mine),))
  children.start(["true"], ())
  assert seen == [{min(mine)}, mine]
  assert os.sched_getaffinity(0) == mine


def test_progress_is_the_share_of_steps(tmp_path):
  one = member(tmp_path, "a", "fail")
  assert sweep.progress(one) == 0
  sweep.run([one])
  assert sweep.progress(one) == 0.5


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_lets_trainings_save(tmp_path, ending):
  one = member(tmp_path, "a", "wait")
  given = f"{one.name!r}, {one.command!r}, pathlib.Path({str(one.workdir)!r})"
  heard = "signal.signal(signal.SIGINT, signal.default_int_handler)"  # which a shell's background job is not
  code = f"import pathlib, signal; from launch import sweep; {heard}; sweep.run([sweep.Training({given})])"
  grid = subprocess.Popen([sys.executable, "-c", code], cwd=children.ROOT, stderr=subprocess.DEVNULL)
  until = time.monotonic() + 30
  while sweep.progress(one) == 0 and time.monotonic() < until:
    time.sleep(0.05)
  grid.send_signal(ending)
  assert grid.wait(30) != 0
  assert sweep.progress(one) == 0.7
  assert sweep.last_line(one) == "stopped at step 7 of 10"
  assert not sweep.done(one)


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (["--configs", "wgan"], "--out"),
    (["--out=x", "--configs", "wgan_pg"], "none of"),
    (["--out=x", "--configs", "wgan", "--set", "steps"], "FIELD=VALUE"),
    (["--out=x", "--configs", "wgan", "--set", "stepz=3"], "config.stepz is not a field"),
    (["--out=x", "--configs", "wgan", "--set", "method_args.widht=3"], "did you mean 'width'"),
    (["--out=x", "--configs", "wgan", "--together", "--seeds", "0", "2"], "--together needs consecutive"),
    (["--out=x", "--configs", "wgan", "--jobs", "0"], "at least 1"),
    (["--out=x", "--configs", "wgan", "wgan"], "twice"),
    (["--out=x", "--configs", "wgan", "--seeds", "a"], "invalid int"),
    (["--out=x", "--configs", "wgan", "--seeds", "-1"], "--seeds is -1"),
    (["--out=s3://b/x", "--configs", "wgan"], "--out: s3://b/x: a local file or folder is needed here"),
    (["--out=/proc/version/x", "--configs", "wgan"], "/proc/version is no folder"),
  ],
)
def test_bad_input_is_told_in_a_line(arguments, message, capsys):
  with pytest.raises(SystemExit) as error:
    sweep.main(arguments)
  assert error.value.code == 2
  (line,) = capsys.readouterr().err.splitlines()
  assert message in line


def test_seeds_together_are_one_training_with_a_folder_for_each(tmp_path):
  """Its progress is the mean of theirs, and it is done if all have been started and the command succeeded."""
  (one,) = sweep.grid(tmp_path, ["vae"], ["mnist"], [3, 4], {"steps": 10}, together=True)
  assert (one.name, one.workdir) == ("mnist/vae", tmp_path / "mnist" / "vae")
  assert one.runs == [one.workdir / "3", one.workdir / "4"]
  assert one.command[-2:] == ("--config.seed=3", "--config.seeds=2")
  for folder, made in zip(one.runs, (10, 5), strict=True):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"steps": 10}))
    (folder / "metrics.jsonl").write_text(json.dumps({"step": made}) + "\n")
  assert sweep.progress(one) == 0.75
  sweep.record(one).write_text(json.dumps(one.command[1:]))
  assert sweep.done(one)
  (one.runs[1] / "config.json").unlink()
  assert not sweep.done(one)
  for first, second, ended in (("stopped", "done", True), ("done", "stopped", True), ("done", "done", False)):
    sweep.log(one).write_text(f"seed 4: stopped\nseed 3: {first} at step 5\nseed 4: {second} at step 5\n")
    assert sweep.stopped(one) is ended
  (alone,) = sweep.grid(tmp_path, ["vae"], ["mnist"], [3], {}, together=True)
  assert alone.runs == [tmp_path / "mnist" / "vae" / "3"]


def test_dry_prints_commands_and_runs_none(tmp_path, capsys):
  assert sweep.main([f"--out={tmp_path}", "--configs", "wgan", "--seeds", "0", "1", "--dry"]) == 0
  assert len(capsys.readouterr().out.splitlines()) == 2
  assert not list(tmp_path.iterdir())
