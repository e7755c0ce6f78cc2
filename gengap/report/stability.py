"""How training went: collapses, and oscillations of the losses."""

import math

from gengap.probes.dynamics import COLLAPSED
from gengap.report.axes import axis_of
from gengap.report.groups import Group
from gengap.report.statistics import Cell


def collapsed(group: Group) -> Cell:
  """Returns 1 for every seed whose last measured diversity shows a collapse, 0 for the others."""
  name, values = axis_of("diversity").name, {}
  for seed, record in sorted(group.records.items()):
    seen = [scores[name] for _, scores in sorted(record.scores.items()) if name in scores]
    if seen := [score for score in seen if math.isfinite(score.value) and math.isfinite(score.floor)]:
      values[seed] = float(seen[-1].value < COLLAPSED * seen[-1].floor)
  missing = "" if len(values) == len(group.records) else "diversity was not measured for every run"
  return Cell(values, missing, 0, 1)


def oscillation(group: Group) -> Cell:
  """Returns for every seed the largest oscillation of its losses about their trend, as last logged."""
  values = {}
  for seed, record in sorted(group.records.items()):
    names = [f"{player}/oscillation" for player in record.players]
    lines = ([line[name] for name in names if name in line] for line in reversed(record.log))
    if last := next(filter(None, ([x for x in line if math.isfinite(x)] for line in lines)), None):
      values[seed] = max(last)
  missing = "" if len(values) == len(group.records) else "no oscillation of a loss was kept"
  return Cell(values, missing, 0)
