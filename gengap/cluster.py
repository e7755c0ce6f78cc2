"""The launcher that started this process: what it is, how many processes it started, and which one this is.

gengap asks before JAX does. JAX starts its runtime for a single process too, on a port that it derives from
the job's number: a second command in the job then takes the port, and the first aborts.
"""

import importlib.util
import os
import pathlib
import sys
import urllib.request
import zlib
from typing import NamedTuple

from gengap.errors import InputError

PORTS = range(61440, 65536)  # above those that Linux gives away by itself
METADATA = "/computeMetadata/v1/instance/attributes/worker-network-endpoints"  # of a Cloud TPU machine
OPEN_MPI_JOB = "OMPI_MCA_orte_hnp_uri"  # which Open MPI 5 does not set any more
SLURM = {
  "SLURM_JOB_ID",
  "SLURM_STEP_NODELIST",
  "SLURM_NTASKS",
  "SLURM_LOCALID",
}  # by which JAX finds processes
SECONDS = 2.0  # to wait for the metadata


class Launcher(NamedTuple):
  """What started this process."""

  name: str
  number: int | None  # of processes; None: only JAX can tell
  rank: int | None
  job: str  # that tells its processes from those of others
  known: bool  # whether JAX can find the processes


ALONE = Launcher("no launcher", 1, 0, "", True)


def launcher() -> Launcher:
  """Returns what started this process; ALONE where nothing did, as in the shell of a Slurm allocation.

  Raises:
    InputError: a variable of the launcher holds nonsense.
  """
  if "OMPI_COMM_WORLD_SIZE" in os.environ:
    job = os.environ.get(OPEN_MPI_JOB, "")
    return Launcher("mpirun", whole("OMPI_COMM_WORLD_SIZE"), whole("OMPI_COMM_WORLD_RANK"), job, bool(job))
  if "SLURM_STEP_NUM_TASKS" in os.environ:
    job = f"{os.environ.get('SLURM_JOB_ID')}.{os.environ.get('SLURM_STEP_ID')}"
    return Launcher(
      "srun", whole("SLURM_STEP_NUM_TASKS"), whole("SLURM_PROCID"), job, os.environ.keys() >= SLURM
    )
  if "PMI_SIZE" in os.environ:
    return Launcher("mpiexec", whole("PMI_SIZE"), whole("PMI_RANK"), "", False)
  if on_tpu():
    return ALONE if tpu_workers() == 1 else Launcher("Cloud TPU", None, None, "", True)
  indexed = "KUBERNETES_SERVICE_HOST" in os.environ and "JOB_COMPLETION_INDEX" in os.environ
  if os.environ.get("JAX_COORDINATOR_ADDRESS") or (indexed and importlib.util.find_spec("kubernetes")):
    return Launcher("the cluster", None, None, "", True)
  return ALONE


def whole(name: str) -> int:
  """Returns an environment variable as a whole number.

  Raises:
    InputError: it is none.
  """
  value = os.environ.get(name, "")
  if not value.isdecimal():
    raise InputError(f"${name} is {value!r}; it must be a whole number, as the launcher sets it")
  return int(value)


def on_tpu() -> bool:
  """Whether this is a machine with TPUs, and JAX may use them."""
  platforms = os.environ.get("JAX_PLATFORMS", "")
  hardware = any(pathlib.Path("/dev").glob("accel*")) or any(pathlib.Path("/dev/vfio").glob("[0-9]*"))
  return hardware and (not platforms or "tpu" in platforms) and bool(importlib.util.find_spec("libtpu"))


def tpu_workers() -> int | None:
  """Returns how many machines a TPU slice has, all its slices together; None: only JAX can tell."""
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
  """Returns the port at which the processes of one command meet.

  Two commands of one job have two ports, as have two steps with one command.

  Args:
    job: of the launcher.
  """
  command = "\0".join([job, *sys.argv[1:]]).encode("utf-8", "replace")
  return PORTS[zlib.crc32(command) % len(PORTS)]
