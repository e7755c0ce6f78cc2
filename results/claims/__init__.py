"""Every claim of the source reports, what was measured of it, and the verdict that follows from the tests.

A claim is a template: its numbers are looked up in the committed scores; none is typed. Numbers of the
reports themselves are in the claim, or in `reported(...)`. `python -m results.claims` writes claims.json,
which `gengap.report --claims` reads, and claims.md.
"""

from collections.abc import Sequence
from typing import NamedTuple

from results.claims.numbers import Test, outcomes

DEPENDS = "depends"  # on what no test answers
PROVISIONAL = "provisional"  # one training seed, which decides nothing about a method
ONE_SEED = "1 seed"
NOT_TESTED = "not tested"
IDENTITY = "supported"  # a property of the code that holds exactly, and a test that holds it


class Claim(NamedTuple):
  """A claim, what was measured of it, and what its verdict rests on."""

  id: str
  claim: str  # what the report says
  measured: str
  n: str  # training seeds
  budget: str
  because: str  # the reason for the verdict
  where: str = ""  # folder of results
  tests: Sequence[Test] = ()
  status: str = ""  # a verdict without a test

  @property
  def word(self) -> str:
    """The verdict, by what the tests decide: all for the claim, all against it, none anything, or else."""
    if self.status or self.n.startswith(ONE_SEED):
      return self.status or PROVISIONAL
    first, *others = {outcome for outcome, _ in outcomes(self.tests)}
    return DEPENDS if others else {1: "supported", -1: "contradicted", 0: "undecided"}[first]

  def row(self) -> dict[str, str]:
    """Returns the claim as `gengap.report --claims` reads it."""
    ps = ", ".join(test.said(p) for test, (_, p) in zip(self.tests, outcomes(self.tests), strict=True))
    return {
      "id": self.id,
      "claim": self.claim,
      "measured": self.measured + (f" Tests: {ps}." if ps else ""),
      "n": self.n,
      "budget": self.budget,
      "verdict": f"{self.word}: {self.because}",
      "where": f"results/{self.where}" if self.where else "",
    }
