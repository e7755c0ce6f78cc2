"""Declarations of numbers: how one is found by its name in a file, and that they can be told apart."""

import re

import pytest

from gengap.evaluation.quantities import Quantity, find
from gengap.method import Observation
from gengap.probes import PROBES
from gengap.report.axes import AXES, BLOCKS, OF_SAMPLES, evaluated, probed

DECLARED = (
  Quantity("radius", "radius"),
  Quantity("share", "share of a class", per_class=True),
  Quantity("step", "step between draws", rows=("random",)),
  Quantity("step", "step between classes", rows=("within", "across")),
  Quantity("elbo", "ELBO of bits", observes=Observation.BITS),
)


@pytest.mark.parametrize(
  ("name", "title"),
  [
    ("radius", "radius"),
    ("radius_std", None),
    ("share_3", "share of a class"),
    ("share", None),
    ("share_ratio", None),
    ("random linear/step", "step between draws"),
    ("across linear/step", "step between classes"),
    ("real/step", None),
    ("any row/radius", "radius"),
    ("elbo", "ELBO of bits"),
  ],
)
def test_a_number_is_found_by_its_name_in_the_file(name, title):
  found = find(DECLARED, name, Observation.BITS)
  assert (found and found.title) == title


def test_the_likelihood_of_images_is_not_that_of_bits():
  assert find(DECLARED, "elbo", Observation.IMAGES) is None


def test_no_two_quantities_of_a_block_are_declared_alike():
  blocks = [block.quantities for block in (*PROBES.values(), *BLOCKS.values())]
  for declared in (OF_SAMPLES, *blocks):
    keys = [(quantity.key, quantity.per_class, quantity.rows) for quantity in declared]
    assert len(set(keys)) == len(keys)
  assert len({axis.name for axis in AXES}) == len({axis.quantity.title for axis in AXES}) == len(AXES)


def test_an_axis_of_a_quantity_that_nobody_declares_is_refused():
  with pytest.raises(LookupError, match="latents/nothing is not declared"):
    probed("latents", "nothing")
  with pytest.raises(LookupError, match="posterior/nothing is not declared"):
    evaluated("posterior", "nothing")


@pytest.mark.parametrize("axis", AXES, ids=lambda axis: axis.name)
def test_every_axis_of_the_page_has_a_meaning_in_plain_words(axis):
  meaning = axis.quantity.meaning
  assert meaning.endswith(".") and 40 < len(meaning) < 250 and axis.definition.startswith(meaning)
  if axis.quantity.better.value:
    assert re.search(
      r"better|best|too low|too few|than real images|cheaper|more likely|higher means", meaning, re.I
    )


def test_every_declared_number_has_a_meaning():
  blocks = [block.quantities for block in (*PROBES.values(), *BLOCKS.values())]
  without = [
    quantity.key for declared in (OF_SAMPLES, *blocks) for quantity in declared if not quantity.meaning
  ]
  assert not without
