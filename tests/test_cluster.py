"""Launchers: how many processes one started, by faked environments; and how processes wait."""

import http.server
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import jax
import pytest

from gengap.distributed import cluster, processes
from gengap.errors import InputError

ROOT = pathlib.Path(__file__).parents[1]
OURS = ("SLURM", "OMPI", "PMI", "TPU", "MEGASCALE", "KUBERNETES", "JOB_COMPLETION", "JAX_COORD", "GCE")
ALLOCATION = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_JOB_NODELIST": "localhost"}
BATCH = ALLOCATION | {"SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
STEP = BATCH | {"SLURM_STEP_NODELIST": "localhost", "SLURM_STEP_ID": "0"}
OPEN_MPI = {cluster.OPEN_MPI_JOB: "4096.0;tcp://127.0.0.1:1", "OMPI_COMM_WORLD_RANK": "1"}


@pytest.fixture
def launched(monkeypatch):
  """Sets the variables of a launcher, without those of the one that runs the tests."""
  for name in [name for name in os.environ if name.startswith(OURS)]:
    monkeypatch.delenv(name)

  def launched(variables):
    for name, value in variables.items():
      monkeypatch.setenv(name, value)

  return launched


@pytest.mark.parametrize(
  ("variables", "number"),
  [
    ({}, 1),
    (ALLOCATION, 1),  # the shell of salloc
    (BATCH, 1),  # the script of sbatch
    (STEP | {"SLURM_STEP_NUM_TASKS": "1"}, 1),  # srun --pty, the interactive step of salloc
    (STEP | {"SLURM_STEP_NUM_TASKS": "4"}, 4),
    (OPEN_MPI | {"OMPI_COMM_WORLD_SIZE": "1"}, 1),
    (OPEN_MPI | {"OMPI_COMM_WORLD_SIZE": "2"}, 2),
    (OPEN_MPI | STEP | {"OMPI_COMM_WORLD_SIZE": "8", "SLURM_STEP_NUM_TASKS": "2"}, 8),  # one task a node
    (BATCH | {"PMI_SIZE": "1", "PMI_RANK": "0"}, 1),
    (STEP | {"SLURM_STEP_NUM_TASKS": "2", "PMI_SIZE": "2", "PMI_RANK": "0"}, 2),  # srun --mpi=pmi2
    ({"KUBERNETES_SERVICE_HOST": "a"}, 1),
    ({"JAX_COORDINATOR_ADDRESS": ""}, 1),
  ],
)
def test_how_many_processes_there_are(launched, monkeypatch, variables, number):
  launched(variables)
  assert cluster.launcher().number == number
  started = []
  monkeypatch.setattr(processes, "check_free", lambda *_: None)
  monkeypatch.setattr(jax.distributed, "initialize", lambda **what: started.append(what))
  processes.connect(None, None, None)
  assert [what["num_processes"] for what in started] == [number] * (number > 1)


@pytest.mark.parametrize(
  ("variables", "words"),
  [
    ({"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "0"}, "mpirun started 4 processes.*--coordinator"),
    ({"PMI_SIZE": "3", "PMI_RANK": "0"}, "mpiexec started 3 processes.*--num_processes=3"),
    ({"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0"}, "srun started 2 processes.*--coordinator"),
    (STEP | {"SLURM_STEP_NUM_TASKS": "two"}, "SLURM_STEP_NUM_TASKS is 'two'"),
    ({"PMI_SIZE": "3"}, "PMI_RANK is ''"),
  ],
)
def test_a_launcher_that_says_too_little_is_an_error(launched, variables, words):
  launched(variables)
  with pytest.raises(InputError, match=words):
    processes.connect(None, None, None)


def test_a_single_process_that_is_told_so_starts_no_runtime():
  processes.connect("localhost:80", 1, 0)
  assert not jax.distributed.is_initialized()


def test_commands_and_steps_of_one_job_meet_at_ports_of_their_own(monkeypatch):
  def port(job, *flags):
    monkeypatch.setattr(sys, "argv", ["command", *flags])
    return cluster.port(job)

  assert port("7.0", "--workdir=a") == port("7.0", "--workdir=a")
  found = {port(job, f"--workdir={name}") for job in ("7.0", "7.1", "8.0") for name in ("a", "b")}
  assert len(found) == 6
  assert found <= set(range(61440, 65536))


@pytest.mark.parametrize(("workers", "number"), [("a", 1), ("1:2:10.0.0.1", 1), ("a,b", None)])
def test_workers_of_a_tpu_slice(launched, monkeypatch, workers, number):
  class Metadata(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
      self.send_response(200)
      self.end_headers()
      self.wfile.write(workers.encode())

    def log_message(self, format, *args):
      pass

  monkeypatch.setattr(cluster, "on_tpu", lambda: True)
  with http.server.HTTPServer(("127.0.0.1", 0), Metadata) as server:
    threading.Thread(target=server.handle_request, daemon=True).start()
    launched({"GCE_METADATA_IP": f"127.0.0.1:{server.server_port}"})
    assert cluster.launcher().number == number
  launched({"TPU_WORKER_HOSTNAMES": workers, "GCE_METADATA_IP": "127.0.0.1:1"})
  assert cluster.launcher().number == number
  launched({"MEGASCALE_NUM_SLICES": "2"})
  assert cluster.launcher().number is None


def test_a_port_that_is_taken_is_an_error():
  with socket.create_server(("127.0.0.1", 0)) as other:
    port = other.getsockname()[1]
    with pytest.raises(InputError, match=f"localhost:{port}: another program.*at port {port}"):
      processes.connect(f"localhost:{port}", 2, 0)
  processes.check_free(port, "free again")


def test_waiting_is_said_and_ends(monkeypatch, capfd):
  ended = threading.Event()
  monkeypatch.setattr(processes, "QUIET_SECONDS", 0.01)
  monkeypatch.setattr(processes, "START_TIMEOUT", 0.05)
  monkeypatch.setattr(os, "_exit", lambda status: ended.set() if status == 2 else None)
  with processes.announced_wait(4, 0, "node:1"):
    assert ended.wait(10)
  with processes.announced_wait(4, 1, "node:1"):
    time.sleep(0.04)
  said = capfd.readouterr().err.splitlines()
  assert said[0] == "process 0 of 4 waits for the other 3 at node:1"
  assert said[1].startswith("error: process 0 of 4 waited 0 seconds for the other 3 at node:1; start all")
  assert said[2] == "process 1 of 4 waits for process 0 at node:1"


COUNT = (
  "from gengap.distributed import processes as p; p.connect(None, None, None); print(p.count(), p.index())"
)


@pytest.mark.faults
def test_two_commands_at_once_in_one_step_each_find_their_own(launched):
  launched(STEP | {"SLURM_STEP_NUM_TASKS": "2", "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"})
  calls = [
    subprocess.Popen(
      [sys.executable, "-c", COUNT, flag],
      env=os.environ | {"SLURM_PROCID": rank},
      stdout=subprocess.PIPE,
      text=True,
    )
    for flag in ("--workdir=a", "--workdir=b")
    for rank in ("0", "1")
  ]
  assert [call.communicate(timeout=120)[0].split() for call in calls] == [["2", "0"], ["2", "1"]] * 2
