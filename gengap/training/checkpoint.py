"""Checkpoints of a run, written by Orbax in the background; the latest few and the best are kept.

A checkpoint holds the State, one item a tree, and a small JSON item, `meta`, with what is needed to read it
without anything else: step, config and data Spec, and checksums of all that.
"""

import contextlib
import json
import math
import pathlib
import shutil
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from gengap.errors import InputError
from gengap.method import State
from gengap.storage import paths, remote

Meta = dict[str, Any]


def first_line(error: Exception) -> str:
  """Returns the beginning of an error's message, without Orbax's pointer to further details."""
  line = (str(error).splitlines() or [type(error).__name__])[0]
  return line.partition(" See full TensorStore details")[0][:120]


def pointer(folder: pathlib.Path) -> str:
  """Names a file in a folder that is a web page or a Git LFS pointer; "" if there is none."""
  for path in sorted(path for path in folder.rglob("*") if path.is_file()):
    if (what := paths.kind(path)) and not what.startswith("empty"):
      return f"{path.relative_to(folder)} is {what}"
  return ""


def checksum(tree: Any) -> int:
  """Returns the CRC-32 of a tree's arrays, in its order."""
  crc = 0
  for x in jax.tree.leaves(tree):
    crc = zlib.crc32(np.asarray(x).tobytes(), crc)
  return crc


def text_checksum(meta: Meta) -> int:
  """Returns the CRC-32 of a checkpoint's `meta` as JSON, without its checksums."""
  plain = {name: value for name, value in meta.items() if name != "crc32"}
  return zlib.crc32(json.dumps(plain, sort_keys=True).encode())


def crc32(meta: Meta) -> dict[str, int]:
  """Returns the checksums in a checkpoint's `meta`; {} for checkpoints of versions that wrote none."""
  found = meta.get("crc32", {})
  return found if isinstance(found, dict) else {}


def finite_or_infinity(score: float | None) -> float:
  """Returns a score, or infinity if it is missing, infinite or NaN."""
  return score if score is not None and math.isfinite(score) else math.inf


def check_space(path: pathlib.Path, needed: int) -> None:
  """Checks that a disk has room for two checkpoints of a number of bytes; Orbax fails obscurely without.

  Raises:
    InputError: it has not.
  """
  if (free := shutil.disk_usage(path).free) < 2 * needed:
    raise InputError(
      f"{path} cannot be written: the disk has {free / 1e6:.1f} MB left and a checkpoint takes "
      f"{needed / 1e6:.1f} MB, twice while it is written; the checkpoints there are kept"
    )


class Checkpoints:
  """The folder `checkpoints` of a workdir."""

  def __init__(self, workdir: str | pathlib.Path, *, keep: int = 0, best: str = ""):
    """Opens the folder, read-only if `keep` is 0.

    Args:
      workdir: of the run.
      keep: how many of the latest to keep; 0 if nothing will be saved.
      best: the number among those given to `save` whose smallest finite value marks the best checkpoint.
    """
    self.path = paths.place(workdir).absolute() / "checkpoints"
    self.best = best

    def goodness(scores: dict[str, float]) -> float:
      return -finite_or_infinity(scores.get(best))

    policies = [
      checkpoint_managers.LatestN(keep),
      checkpoint_managers.BestN(n=1, get_metric_fn=goodness, keep_checkpoints_without_metrics=False),
    ]
    self.manager = ocp.CheckpointManager(
      self.path,
      options=ocp.CheckpointManagerOptions(
        preservation_policy=checkpoint_managers.AnyPreservationPolicy(policies) if keep else None,
        best_fn=goodness if best else None,
        create=bool(keep),
        cleanup_tmp_directories=bool(keep),
      ),
    )

  def save(self, state: State, meta: Meta, scores: dict[str, float]) -> None:
    """Starts writing the state; returns as soon as the caller may change or donate it.

    Args:
      state: to save.
      meta: JSON values.
      scores: of this state; `best` names the one that ranks it.
    """
    if not remote.is_remote(self.path):
      check_space(self.path, sum(x.nbytes for x in jax.tree.leaves(state)))
    step = int(state.step)
    if step in self.manager.all_steps():  # a damaged one, from which `resume` fell back
      self.manager.delete(step)
    trees = jax.tree.map(jnp.copy, {"nets": state.nets, "opt": state.opt, "ema": state.ema})
    items = {name: ocp.args.StandardSave(tree) for name, tree in trees.items() if tree}
    meta = meta | {"step": step}
    meta["crc32"] = {name: checksum(tree) for name, tree in trees.items()} | {"meta": text_checksum(meta)}
    with self.writing():
      self.manager.save(
        step,
        args=ocp.args.Composite(meta=ocp.args.JsonSave(meta), **items),
        metrics=scores,
        force=True,
      )

  def wait(self) -> None:
    """Blocks until everything saved is on disk."""
    with self.writing():
      self.manager.wait_until_finished()

  def close(self) -> None:
    """Releases the background threads."""
    with contextlib.suppress(Exception):  # of a write that failed: `save` or `wait` has said so
      self.manager.close()

  @contextlib.contextmanager
  def writing(self) -> Iterator[None]:
    """Turns any error of a failed write into an InputError."""
    try:
      yield
    except InputError:
      raise
    except Exception as error:
      raise InputError(
        f"{self.path} cannot be written ({first_line(error)}); the checkpoints in it are kept"
      ) from error

  def steps(self) -> list[int]:
    """Returns the steps of all checkpoints, newest first."""
    return sorted(self.manager.all_steps(), reverse=True)

  def find(self, step: int | str) -> int:
    """Returns the step that "last", "best" or a number means.

    Raises:
      InputError: no such checkpoint, or none has a finite score to be the best.
    """
    steps = self.steps()
    if not steps:
      raise InputError(f"{self.path} holds no checkpoint; train first, or name another workdir")
    if step == "last":
      return steps[0]
    if step == "best":
      scores = {at: finite_or_infinity((self.manager.metrics(at) or {}).get(self.best)) for at in steps}
      if math.isinf(least := min(scores.values())):
        raise InputError(
          f"no checkpoint in {self.path} has a finite {self.best}, so none is the best; name another step: "
          f"last, {', '.join(map(str, reversed(steps)))}"
        )
      return max(at for at in steps if scores[at] == least)
    if not str(step).isdigit() or int(step) not in steps:
      raise InputError(f"step {step!r} is none of last, best, 0, {', '.join(map(str, reversed(steps)))}")
    return int(step)

  def meta(self, step: int) -> Meta:
    """Returns the JSON item of a checkpoint.

    Raises:
      InputError: it is damaged.
    """
    meta = self.restore(step, meta=ocp.args.JsonRestore())["meta"]
    whole = isinstance(meta, dict) and "spec" in meta
    if not whole or crc32(meta).get("meta", text_checksum(meta)) != text_checksum(meta):
      raise InputError(f"checkpoint {self.path / str(step)} is damaged: its metadata have changed")
    return meta

  def read(self, step: int, **targets: Any) -> dict[str, Any]:
    """Reads trees of one checkpoint: name -> tree shaped and placed like its target.

    Raises:
      InputError: the checkpoint is damaged.
    """
    wanted = {name: ocp.args.StandardRestore(tree) for name, tree in targets.items() if tree}
    expected, found = crc32(self.meta(step)), self.restore(step, **wanted)
    for name in wanted:
      if name in expected and checksum(found[name]) != expected[name]:
        raise InputError(f"checkpoint {self.path / str(step)} is damaged: its {name} have changed")
    return {name: found[name] if name in wanted else {} for name in targets}

  def restore(self, step: int, **items: Any) -> Any:
    """Reads items of one checkpoint; any error of a broken file becomes an InputError."""
    try:
      return self.manager.restore(step, args=ocp.args.Composite(**items))
    except Exception as error:
      reason = pointer(self.path / str(step)) or first_line(error)
      raise InputError(f"checkpoint {self.path / str(step)} cannot be read: {reason}") from error

  def resume(self, target: State, say: Callable[[str], None]) -> State | None:
    """Restores the newest checkpoint that can be read; returns None if there are no checkpoints.

    Args:
      target: a state of the same shapes and shardings, abstract or not.
      say: called with a message for every damaged checkpoint that is skipped.

    Raises:
      InputError: there are checkpoints, and none can be read.
    """
    trees = {"nets": target.nets, "opt": target.opt, "ema": target.ema}
    for step in (steps := self.steps()):
      try:
        found = self.read(step, **trees)
      except InputError as error:
        say(f"{error}; trying the one before it")
        continue
      return State(jax.device_put(jnp.int32(step), target.step.sharding), **found)
    if steps:
      raise InputError(f"no checkpoint in {self.path} can be read; delete the folder to start again")
    return None
