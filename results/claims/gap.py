"""The runs of `results/gap` as the report compares them: numbers of methods, and tests between two."""

import functools
import json
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from gengap.report import columns, gaps, groups, scores_file, views
from gengap.report.axes import axis_of
from gengap.report.groups import Comparison, Group
from gengap.report.record import Record
from gengap.report.statistics import Cell
from results.claims.numbers import RESULTS, Sample, Test, beside
from results.gap import plan, runs

FILES = "gap/records/*/*/*/scores.json"  # of the runs


def records() -> list[Record]:
  """Returns the runs of `results/gap`."""
  return [record for file in sorted(RESULTS.glob(FILES)) for record in scores_file.load(file)]


def name_of(group: Group) -> str:
  """Returns the name that a method has in the plan and as a folder of records."""
  return group.first.workdir.parent.name


@functools.cache
def comparisons() -> dict[str, Comparison]:
  """Returns the comparisons of the page of `results/gap`: title of a data set -> its runs."""
  return {found.title: found for found in groups.comparisons(records())}


@functools.cache
def tested(part: "DataSet", a: str, b: str) -> dict[str, gaps.Gap]:
  """Returns the report's gap between two methods at equal updates: ranked axis -> gap."""
  found = gaps.gaps(part.comparison, part.group(a), part.group(b), views.at_step(part.step))
  return {gap.axis.name: gap for gap in found}


class DataSet(NamedTuple):
  """The runs of one data set, at the number of updates that all methods have made."""

  data: str  # its title on the page

  @property
  def comparison(self) -> Comparison:
    """Its runs, as the report sorts them."""
    return comparisons()[self.data]

  @property
  def step(self) -> int:
    """The number of generator updates at which the report compares its methods."""
    return views.equal_updates(self.comparison.groups)

  @property
  def steps(self) -> str:
    """The same, in words."""
    return f"{self.step:,} updates"

  @property
  def groups(self) -> dict[str, Group]:
    """The runs of each method by its name on the page, and by that in the plan if it is drawn by default."""
    folders = {name_of(group): group for group in self.comparison.by_default.groups}
    return folders | {group.name: group for group in self.comparison.groups}

  def group(self, method: str) -> Group:
    """Returns the runs of a method, given a name of it."""
    return self.groups[method]

  def cell(self, method: str, axis: str, step: int | None = None) -> Cell:
    """Returns a number of a method as the report has it, at a step or at equal updates."""
    view = views.at_step(self.step if step is None else step)
    return columns.column(self.comparison, view, axis_of(axis))[self.group(method).name]

  def __call__(self, method: str, axis: str, step: int | None = None) -> Sample:
    """Returns a number of a method over its seeds."""
    cell = self.cell(method, axis, step)
    return Sample(list(cell.values.values()), cell.low, cell.high)

  def real(self, axis: str) -> float:
    """Returns the value of real images on an axis; NaN if they have none."""
    return columns.real_value(self.comparison, views.at_step(self.step), axis_of(axis))

  def less(self, a: str, b: str, axis: str, expected: int) -> Test:
    """Returns how much farther from the best value one method is than another, as the report tests it.

    Args:
      a: a method.
      b: another one.
      axis: a ranked one.
      expected: sign of the difference of distances; -1: a is nearer to the best value.
    """
    gap = tested(self, a, b)[axis]
    return Test(gap.test.difference, gap.p, expected, adjusted=True, negligible=not gap.winner)

  def evaluated(self, method: str, axis: str) -> list[int]:
    """Returns the steps at which every run of a method has a number."""
    group = self.group(method)
    steps = sorted({step for record in group.records.values() for step in record.scores})
    return [x for x in steps if len(self.cell(method, axis, x).values) == len(group.records)]

  def change(self, method: str, axis: str, since: int, expected: int) -> Test:
    """Returns a number at equal updates minus that of the same run at an earlier step."""
    first, last = (self.cell(method, axis, step).values for step in (since, self.step))
    return beside(Sample([last[seed] - first[seed] for seed in last]), 0.0, expected)

  def files(self, group: Group, name: str) -> list[pathlib.Path]:
    """Returns a file of the record of every run of a method."""
    return [plan.folder(name_of(group), self.data.split()[0], seed) / name for seed in group.records]

  def shares(self, method: str, classes: Sequence[int]) -> Sample:
    """Returns the share of classes among a method's samples, of data of equally many images of each class."""
    found = [json.loads(file.read_text()) for file in self.files(self.group(method), runs.SHARES)]
    return Sample([sum(one[str(k)] for k in classes) / len(one) for one in found], 0, 1)

  def accuracy(self) -> float:
    """Returns the test accuracy of the classifier whose features are compared."""
    protocol = columns.column_protocol(self.comparison, views.at_step(self.step), axis_of("unsure"))
    return json.loads(protocol)["classifier"]["accuracy"]
