"""Finds the launcher of this process, how many processes it started, and the index of this one.

gengap looks before JAX does, because JAX starts its multi-process runtime even for a single process, on a
port that it derives from the job's number. A second command in the job takes the same port, and the first
aborts.
"""

import importlib.util
import os
import pathlib
import sys
import urllib.request
import zlib
from typing import NamedTuple

from gengap.errors import InputError

PORTS = range(61440, 65536)  # above Linux's default range of ephemeral ports
METADATA = "/computeMetadata/v1/instance/attributes/worker-network-endpoints"  # of a Cloud TPU machine
OPEN_MPI_JOB = "OMPI_MCA_orte_hnp_uri"  # Open MPI 5 no longer sets it
SLURM = {
  "SLURM_JOB_ID",
  "SLURM_STEP_NODELIST",
  "SLURM_NTASKS",
  "SLURM_LOCALID",
}  # variables from which JAX finds the processes
SECONDS = 2.0  # timeout of the metadata server


class Launcher(NamedTuple):
  """What started this process."""

  name: str
  number: int | None  # of processes; None if only JAX can find out
  rank: int | None
  job: str  # identifies the job, to tell its processes from those of other jobs
  known: bool  # whether JAX can find the processes


ALONE = Launcher("no launcher", 1, 0, "", True)


def launcher() -> Launcher:
  """Returns the launcher of this process; ALONE without one, as in the shell of a Slurm allocation.

  Raises:
    InputError: An environment variable of the launcher is invalid.
  """
  if "OMPI_COMM_WORLD_SIZE" in os.environ:
    job = os.environ.get(OPEN_MPI_JOB, "")
    return Launcher(
      "mpirun",
      env_int("OMPI_COMM_WORLD_SIZE"),
      env_int("OMPI_COMM_WORLD_RANK"),
      job,
      bool(job),
    )
  if "SLURM_STEP_NUM_TASKS" in os.environ:
    job = f"{os.environ.get('SLURM_JOB_ID')}.{os.environ.get('SLURM_STEP_ID')}"
    return Launcher(
      "srun",
      env_int("SLURM_STEP_NUM_TASKS"),
      env_int("SLURM_PROCID"),
      job,
      os.environ.keys() >= SLURM,
    )
  if "PMI_SIZE" in os.environ:
    return Launcher("mpiexec", env_int("PMI_SIZE"), env_int("PMI_RANK"), "", False)
  if on_tpu():
    return ALONE if tpu_workers() == 1 else Launcher("Cloud TPU", None, None, "", True)
  indexed = "KUBERNETES_SERVICE_HOST" in os.environ and "JOB_COMPLETION_INDEX" in os.environ
  if os.environ.get("JAX_COORDINATOR_ADDRESS") or (indexed and importlib.util.find_spec("kubernetes")):
    return Launcher("the cluster", None, None, "", True)
  return ALONE


def env_int(name: str) -> int:
  """Returns an environment variable as an integer.

  Raises:
    InputError: The variable is not a non-negative integer.
  """
  value = os.environ.get(name, "")
  if not value.isdecimal():
    raise InputError(f"${name} is {value!r}; it must be a whole number, as the launcher sets it")
  return int(value)


def on_tpu() -> bool:
  """Whether this machine has TPUs that JAX may use."""
  platforms = os.environ.get("JAX_PLATFORMS", "")
  hardware = any(pathlib.Path("/dev").glob("accel*")) or any(pathlib.Path("/dev/vfio").glob("[0-9]*"))
  return hardware and (not platforms or "tpu" in platforms) and bool(importlib.util.find_spec("libtpu"))


def tpu_workers() -> int | None:
  """Returns the number of machines of a TPU slice; None if only JAX can find out."""
  if os.environ.get("MEGASCALE_NUM_SLICES", "1") != "1":
    return None
  workers = os.environ.get("TPU_PROCESS_ADDRESSES") or os.environ.get("TPU_WORKER_HOSTNAMES")
  if not workers:
    host = os.environ.get("GCE_METADATA_IP", "metadata.google.internal")
    request = urllib.request.Request(f"http://{host}{METADATA}", headers={"Metadata-Flavor": "Google"})
    try:
      with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        workers = answer.read().decode()
    except OSError:
      return None
  return len(workers.split(","))


def port(job: str) -> int:
  """Returns the port at which the processes of one command connect.

  Different commands of a job, and different job steps of one command, get different ports.

  Args:
    job: Identifies the job; see `Launcher`.
  """
  command = "\0".join([job, *sys.argv[1:]]).encode("utf-8", "replace")
  return PORTS[zlib.crc32(command) % len(PORTS)]
