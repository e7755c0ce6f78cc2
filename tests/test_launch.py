"""The launchers of clusters, against programs on PATH that record what they are told and do it here."""

import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).parents[1]
GCLOUD = r"""#!/usr/bin/env bash
echo "$*" >> "$RECORD"
[[ -z $FAIL || "$*" != *"$FAIL"* ]] || exit 1
case "$*" in
  *" create "*) echo READY > "$MACHINE/state" ;;
  *" delete "*) rm -f "$MACHINE/state" ;;
  *" describe "*) cat "$MACHINE/state" ;;
  *"scp --recurse "*) cp -r "$MACHINE"/gengap/runs/. "$7" ;;
  *" scp "*) cp "$5" "$MACHINE/gengap.tar.gz" ;;
  *" ssh "*)
    if [[ "$*" == *"tail "* && -s $MACHINE/taken ]]; then  # a machine that is taken away while it trains
      sed -i 1d "$MACHINE/taken"
      echo PREEMPTED > "$MACHINE/state"
      exit 255
    fi
    for argument; do
      [[ $argument != --command=* ]] || (cd "$MACHINE" && bash -c "${argument#--command=}") || exit
    done ;;
esac
"""
PYTHON = r"""#!/usr/bin/env bash
[[ "$*" != "-m uv venv"* ]] || { mkdir -p venv/bin; cp "$(dirname "$0")/trained" venv/bin/python; }
"""
TRAINED = r"""#!/usr/bin/env bash
printf 'argument <%s>\n' "$@"
mkdir -p runs/a; echo made > runs/a/file
exit "$STATUS"
"""
NOTHING = "#!/bin/sh\n"


@pytest.fixture
def cluster(tmp_path):
  """A folder of commands, a machine's home, and the environment that leads to them."""
  tools, machine = tmp_path / "bin", tmp_path / "machine"
  tools.mkdir()
  machine.mkdir()
  programs = {"gcloud": GCLOUD, "python3": PYTHON, "trained": TRAINED}
  for name, text in (programs | dict.fromkeys(("sudo", "gcsfuse", "mountpoint"), NOTHING)).items():
    (tools / name).write_text(text)
    (tools / name).chmod(0o755)
  env = {"PATH": f"{tools}:{os.environ['PATH']}", "RECORD": str(tmp_path / "record"), "MACHINE": str(machine)}
  env |= {"STATUS": "0", "FAIL": "", "GENGAP_POLL_SECONDS": "0", "HOME": str(machine)}
  return tmp_path, env


def tpu(cluster, *flags, command=("gengap.main", "--config=a", "--workdir=runs/a b;$(x)"), **changed):
  """Runs the script; returns its status, what it said and what it told gcloud."""
  if not (ROOT / ".git").exists():
    pytest.skip("not a git checkout")
  folder, env = cluster
  base = ["--name=gap", "--zone=z", "--type=v5litepod-8", f"--out={folder / 'out'}"]
  call = [str(ROOT / "launch/tpu_vm.sh"), *base, *flags, "--", *command]
  done = subprocess.run(call, env=env | changed, capture_output=True, text=True, timeout=300)
  record = folder / "record"
  told = record.read_text().splitlines() if record.exists() else []
  return done.returncode, done.stdout + done.stderr, told


def kinds(told):
  """Returns what was done to machines: the third word of every call that is not a look at their state."""
  words = [line.split() for line in told if line.startswith("compute tpus tpu-vm")]
  return [word[3] for word in words if word[3] != "describe"]


def test_a_tpu_is_made_used_and_deleted_in_this_order(cluster):
  status, said, told = tpu(cluster)
  assert status == 0, said
  assert kinds(told) == ["create", "scp", *["ssh"] * 6, "scp", "delete"]
  assert all("--zone=z" in line for line in told if line.startswith("compute"))
  for argument in ("-m", "gengap.main", "--config=a", "--workdir=runs/a b;$(x)"):
    assert f"argument <{argument}>" in said
  assert (cluster[0] / "out/a/file").read_text() == "made\n"
  assert (cluster[0] / "machine/gengap/pyproject.toml").exists()


@pytest.mark.parametrize("status", ["2", "3"])
def test_the_status_of_the_command_is_that_of_the_script(cluster, status):
  found, _, told = tpu(cluster, STATUS=status)
  assert found == int(status)
  assert kinds(told)[-2:] == ["scp", "delete"]


@pytest.mark.parametrize(
  "step", [" create ", "gap:gengap.tar.gz", "tar -xzf", "uv venv", "pip install", "nohup", "runs/*"]
)
def test_whatever_fails_nothing_is_left_running(cluster, step):
  status, said, told = tpu(cluster, FAIL=step)
  assert status not in (0, 255)
  assert kinds(told)[-1] == "delete"
  assert kinds(told).count("create") == 1
  assert step == "runs/*" or "error" in said
  after = next(i for i, line in enumerate(told) if step in line)
  assert {"describe", "delete"} >= {line.split()[3] for line in told[after + 1 :]}


def test_a_machine_that_cannot_be_deleted_is_told_of(cluster):
  status, said, _ = tpu(cluster, FAIL=" delete ")
  assert status == 0
  assert "gap may still be running and cost money" in said


def test_a_spot_machine_that_is_taken_away_is_made_again(cluster):
  (cluster[0] / "machine/taken").write_text("x\nx\n")
  status, said, told = tpu(cluster, "--spot", "--bucket=b")
  assert status == 0, said
  assert kinds(told).count("create") == kinds(told).count("delete") == 3
  assert told[-2].startswith("storage rsync --recursive gs://b")


def test_spot_machines_are_not_made_for_ever(cluster):
  (cluster[0] / "machine/taken").write_text("x\n" * 9)
  status, said, told = tpu(cluster, "--spot", "--bucket=b", GENGAP_TRIES="2")
  assert status == 2
  assert "failed 2 times" in said
  assert kinds(told).count("create") == 2
  assert kinds(told)[-1] == "delete"


def test_a_lost_machine_that_is_not_spot_is_an_error(cluster):
  (cluster[0] / "machine/taken").write_text("x\n")
  status, said, told = tpu(cluster)
  assert (status, kinds(told)[-1]) == (2, "delete")
  assert "lost" in said


def test_keep_keeps_the_machine(cluster):
  assert "delete" not in kinds(tpu(cluster, "--keep")[2])


def test_a_dry_run_prints_every_command_and_runs_none(cluster):
  _, said, _ = tpu(cluster)
  printed = [line.split()[4] for line in said.splitlines() if line.startswith("+ gcloud compute")]
  (cluster[0] / "record").unlink()
  shutil.rmtree(cluster[0] / "out")
  status, dry, told = tpu(cluster, "--dry_run")
  assert (status, told) == (0, [])
  assert [line.split()[4] for line in dry.splitlines() if line.startswith("+ gcloud compute")] == printed
  assert not (cluster[0] / "out").exists()


def test_of_a_bucket_only_what_the_command_makes_is_fetched(cluster):
  command = ("gengap.main", "--workdir=runs/a/b/")
  status, said, told = tpu(cluster, "--bucket=b", "--type=v5litepod-16", command=command)
  assert status == 0, said
  assert told[-2] == f"storage rsync --recursive gs://b/a/b {cluster[0] / 'out'}/a/b"
  assert (cluster[0] / "out/a/b").is_dir()


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    (["--nme=a"], "--nme=a is not a flag"),
    (["--name="], "--name is missing"),
    (["--name=A b"], "small letters"),
    (["--spot"], "--spot needs --bucket"),
    (["--zone="], "--zone is missing"),
    (["--type=v5litepod-16"], "several machines, which need --bucket"),
    (["--bucket=gs://b/c"], "its name alone"),
    (["--out=/proc/nowhere"], "--out=/proc/nowhere cannot be written"),
    (["--out=/proc/version", "--dry_run"], "is no folder"),
    (["--out=gs://b/runs"], "--out=gs://b/runs: it must be a local path; --bucket"),
  ],
)
def test_wrong_flags_of_the_tpu_script_cost_nothing(cluster, flags, message):
  status, said, told = tpu(cluster, *flags)
  assert (status, told) == (2, [])
  assert message in said
  assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
  ("command", "message"),
  [
    (("gengap.main", "--workdir=elsewhere"), "--workdir=elsewhere: it must lie below runs"),
    (("gengap.main", "--workdir", "elsewhere"), "--workdir=elsewhere: it must lie below runs"),
    (("gengap.main", "--workdir=gs://b/a"), "--workdir=gs://b/a: it must be a local path"),
    (("gengap.main", "--workdir=runs/a", "--config.data_dir=gs://b/tfds"), "it must be a local path"),
    (("gengap.mian", "--workdir=runs/a"), "gengap.mian is not a command of this checkout"),
  ],
)
def test_a_command_that_would_be_lost_is_refused(cluster, command, message):
  status, said, told = tpu(cluster, command=command)
  assert (status, told, len(said.splitlines())) == (2, [], 1)
  assert message in said
  assert not (cluster[0] / "out").exists()


def test_without_gcloud_nothing_is_begun(cluster):
  folder, _ = cluster
  (folder / "bin/gcloud").unlink()
  for tool in ("bash", "dirname", "mkdir", "env"):
    (folder / "bin" / tool).symlink_to(shutil.which(tool))
  status, said, _ = tpu(cluster, PATH=str(folder / "bin"))
  assert (status, said.splitlines()) == (2, [said.strip()])
  assert "gcloud is not installed" in said


def test_a_command_is_needed(cluster):
  status, said, told = tpu(cluster, command=())
  assert (status, told) == (2, [])
  assert "the command after -- is missing" in said


SRUN = r"""#!/usr/bin/env bash
echo "srun $*" >> "$RECORD"
trap 'echo saved >> "$RECORD"; exit "$STATUS"' TERM
[[ -z $LONG ]] && exit "$STATUS"
while true; do sleep 0.1; done
"""


def slurm(cluster, *command, ask=None, **changed):
  """Runs the batch script, and asks it to stop by a signal; returns its status and what was recorded."""
  folder, env = cluster
  for name, text in {"srun": SRUN, "scontrol": '#!/bin/sh\necho "scontrol $*" >> "$RECORD"\n'}.items():
    (folder / "bin" / name).write_text(text)
    (folder / "bin" / name).chmod(0o755)
  env = env | {"SLURM_JOB_ID": "7", "LONG": "1" if ask else ""} | changed
  process = subprocess.Popen(["bash", str(ROOT / "launch/slurm.sbatch"), *command], env=env)
  if ask:
    for _ in range(200):
      if (folder / "record").exists():
        break
      time.sleep(0.05)
    time.sleep(0.2)  # its trap is set by now
    process.send_signal(ask)
  status = process.wait(timeout=30)
  return status, (folder / "record").read_text().splitlines() if (folder / "record").exists() else []


@pytest.mark.parametrize("status", ["0", "3"])
def test_a_job_that_ends_by_itself_is_not_put_back(cluster, status):
  found, told = slurm(cluster, "gengap.main", "--config=a b", STATUS=status)
  assert found == int(status)
  assert told == ["srun --kill-on-bad-exit=1 python -m gengap.main --config=a b"]


@pytest.mark.parametrize("ask", [signal.SIGUSR1, signal.SIGTERM])
def test_a_job_whose_time_is_up_saves_and_is_put_back(cluster, ask):
  status, told = slurm(cluster, "gengap.main", ask=ask)
  assert (status, told[1:]) == (0, ["saved", "scontrol requeue 7"])


def test_a_job_that_cannot_save_is_not_put_back(cluster):
  status, told = slurm(cluster, "gengap.main", ask=signal.SIGUSR1, STATUS="2")
  assert (status, told[1:]) == (2, ["saved"])


@pytest.mark.parametrize("command", [(), ("gengap.main", "--workdir=gs://b/a")])
def test_a_job_without_a_command_or_with_a_url_is_refused(cluster, command):
  assert slurm(cluster, *command) == (2, [])


def test_the_scripts_are_clean():
  if not shutil.which("shellcheck"):
    pytest.skip("shellcheck is not installed")
  scripts = [*map(str, (ROOT / "launch").glob("*.sh")), str(ROOT / "launch/slurm.sbatch")]
  found = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True)
  assert found.returncode == 0, found.stdout
