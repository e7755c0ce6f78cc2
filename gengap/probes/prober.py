"""Takes the probes of a checkpoint."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from tqdm import tqdm

import gengap
from gengap.data import Dataset
from gengap.errors import InputError
from gengap.evaluation.extractors import Extractors
from gengap.features import pixels
from gengap.logs.log import say, show
from gengap.probes import subject as subjects
from gengap.probes.result import ProbeResult, ProbeResults, save
from gengap.probes.settings import Path, Settings
from gengap.probes.table import PROBES
from gengap.probes.types import Array, Generate, Options, Probe, Subject
from gengap.run import Run
from gengap.storage import paths


class Prober(NamedTuple):
  """All that the checkpoints of a run have in common, opened once."""

  settings: Settings
  options: Options
  names: tuple[str, ...]  # of the probes to take
  skipped: Mapping[str, str]  # probes that do not suit the run or its data -> the reason
  train: Dataset
  test: Dataset
  outside: Array | None  # images of another data set
  extractors: Extractors
  workdir: Path | None
  command: str

  def subject(self, run: Run) -> Subject:
    """Returns a checkpoint as a subject of probes."""
    return subjects.of_run(
      run,
      self.train,
      self.test,
      self.extractors,
      self.options.number,
      self.options.seed,
      encoder_steps=self.settings.encoder_steps,
      fitted=self.settings.encoder == "fitted",
      outside=self.outside,
      workdir=self.workdir,
    )

  def probe(self, run: Run, folder: Path | None = None) -> ProbeResults:
    """Probes a checkpoint of the run.

    Args:
      run: the checkpoint.
      folder: where each result is written as soon as its probe ends; None writes nothing.
    """
    subject, results, failed = self.subject(run), {}, {}
    protocol = MappingProxyType(self.protocol(run, subject))
    for name in self.names:
      try:
        result = take(PROBES[name], subject, self.options, protocol, self.command)
      except (
        InputError,
        ValueError,
        ArithmeticError,
      ) as error:  # the other probes go on
        failed[name] = str(error)
        say(f"without {name} of {run.step}: {error}")
        continue
      results[name] = result
      if folder:
        save(result, paths.place(folder), self.settings.figures)
        show(f"step {run.step}: {result}")
    return ProbeResults(run.step, MappingProxyType(results), self.skipped, MappingProxyType(failed))

  def protocol(self, run: Run, subject: Subject) -> dict[str, Any]:
    """Returns all that is needed to repeat a probe."""
    chosen = self.extractors
    return {
      "step": run.step,
      "weights": "ema" if run.config.ema else "last",
      "split": "test",
      "images": {"train": len(subject.train.image), "test": len(subject.test.image)},
      "labels": run.label_frequencies,
      "options": self.options._asdict(),
      "encoder": subject.encoder,
      "encoder_steps": subject.fit_steps,
      "features": (chosen.features or pixels.extractor()).protocol,
      "classifier": chosen.classifier.protocol if chosen.classifier else None,
      "version": gengap.__version__,
    }


def take(
  probe: Probe[Any], subject: Subject, options: Options, protocol: Mapping[str, Any], command: str = ""
) -> ProbeResult:
  """Takes a probe, with a progress bar of the images that it generates."""
  with tqdm(desc=probe.name, unit=" images", disable=None, leave=False) as bar:
    measurements = probe.measure(subject._replace(generate=counted(subject.generate, bar)), options)
  scores = probe.score(measurements, options)
  return ProbeResult(
    probe.name,
    MappingProxyType(scores.numbers),
    MappingProxyType(scores.detail),
    scores.notes,
    protocol,
    command,
    lambda: probe.figure(measurements, scores, options),
  )


def counted(generate: Generate, bar: tqdm) -> Generate:
  """Returns a generator that advances a progress bar."""

  def generate_and_count(z: Array, label: Array) -> Array:
    bar.update(len(z))
    return generate(z, label)

  return generate_and_count
