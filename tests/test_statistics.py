"""Statistics over training seeds: intervals within bounds, Welch's test against SciPy's, Holm, ratios."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from gengap.report import statistics


def test_an_unbounded_interval_is_students():
  found = statistics.interval([1.0, 2.0, 6.0])
  half = 4.302653 * math.sqrt(7) / math.sqrt(3)  # t of 2 degrees of freedom, standard deviation of the values
  np.testing.assert_allclose(found[:3], (3.0, 3.0 - half, 3.0 + half), rtol=1e-6)


@pytest.mark.parametrize(
  ("values", "low", "high"),
  [
    ([0.07, 0.26, 0.45], 0, 1),  # by Student's t from -0.2
    ([0.97, 0.98, 1.0], 0, 1),
    ([0.0, 0.0, 0.01], 0, 1),
    ([1.0, 1.0, 0.0], 0, 1),
    ([8, 9, 7], 0, 10),
    ([10, 10, 9], 0, 10),
    ([6.0, 1.0, 0.2], 0, math.inf),
    ([-6.0, -1.0, -0.2], -math.inf, 0),
    ([0.0, 1e-4], 0, math.inf),
  ],
)
def test_an_interval_stays_within_the_possible_range_and_about_its_mean(values, low, high):
  mean, below, above, _ = statistics.interval(values, low, high)
  assert low < below < mean < above < high
  assert mean == pytest.approx(np.mean(values))


def test_an_interval_far_from_its_bounds_is_students():
  values = [0.49, 0.5, 0.52]
  np.testing.assert_allclose(statistics.interval(values, 0, 1), statistics.interval(values), rtol=1e-3)
  np.testing.assert_allclose(
    statistics.interval(values, -99, math.inf), statistics.interval(values), rtol=1e-3
  )


@pytest.mark.parametrize(("n", "draw"), [(3, (2, 6)), (5, (50, 2))])
def test_bounded_intervals_hold_the_mean_as_often_as_they_say(n, draw):
  samples = np.random.default_rng(0).beta(draw[0], draw[1], (500, n))
  found = [statistics.interval(list(values), 0, 1) for values in samples]
  held = np.mean([low <= draw[0] / sum(draw) <= high for _, low, high, _ in found])
  assert 0.92 < held < 0.98


@pytest.mark.parametrize("values", [[2.0], [3.0, 3.0, 3.0], [0.1 + 0.2, 0.3, 0.3 * (1 + 1e-13)], [0.0, 0.0]])
def test_what_does_not_vary_has_no_interval(values):
  mean, low, high, _ = statistics.interval(values, 0, 10)
  assert mean == pytest.approx(np.mean(values))
  assert math.isnan(low)
  assert math.isnan(high)


def test_nothing_has_no_mean():
  assert math.isnan(statistics.interval([]).value)


def test_differences_are_welchs():
  a, b = [1.0, 5.0, 9.0, 4.0], [0.5, 0.6, 0.4]
  found = statistics.welch(a, b)
  expected: Any = stats.ttest_ind(a, b, equal_var=False)
  assert found.p == pytest.approx(expected.pvalue)
  assert found.difference.value == pytest.approx(np.mean(a) - np.mean(b))
  assert found.difference[1:3] == pytest.approx(tuple(expected.confidence_interval(0.95)))
  pooled = math.sqrt((3 * np.var(a, ddof=1) + 2 * np.var(b, ddof=1)) / 5)
  assert found.g == pytest.approx((np.mean(a) - np.mean(b)) / pooled * (1 - 3 / 19))


def test_one_side_without_variance_is_tested_by_the_other():
  found = statistics.welch([9.0, 9.0, 9.0], [7.0, 8.0, 7.5])
  expected: Any = stats.ttest_1samp([7.0, 8.0, 7.5], 9.0)
  assert found.p == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(
  ("a", "b", "reason"),
  [
    ([0.3, 0.3, 0.1 + 0.2], [0.3, 0.3 * (1 + 1e-14), 0.3], "equal in all 3 seeds"),
    ([9.0, 9.0, 9.0], [10.0, 10.0, 10.0], "differ by exactly 1 in all 3 seeds"),
    ([9.0, 9.0, 9.0], [10.0, 10.0], "differ by exactly 1 in all 3 and 2 seeds"),
    ([0.0, 0.0], [0.0, 0.0], "equal in all 2 seeds"),
    ([1.0, 2.0], [3.0], "needs two seeds of each"),
    ([], [3.0], "not measured of both"),
  ],
)
def test_without_variance_there_is_no_p_but_a_reason(a, b, reason):
  found = statistics.welch(a, b)
  assert found.reason == reason
  assert math.isnan(found.p)
  assert math.isnan(found.difference.low)


def test_holm_corrects_for_what_was_tested():
  found = statistics.holm([0.01, math.nan, 0.04, 0.03, 0.9])
  assert found[0] == pytest.approx(0.04)  # of four
  assert math.isnan(found[1])
  assert found[2:] == pytest.approx([0.09, 0.09, 0.9])  # 0.04 is no less than 3 * 0.03
  assert statistics.holm([]) == []


def test_a_ratio_has_an_interval():
  rng = np.random.default_rng(0)
  held, a, b = 0, [], []
  for _ in range(500):
    a, b = list(rng.normal(4, 0.4, 3)), list(rng.normal(2, 0.1, 3))
    _, low, high, _ = statistics.ratio_interval(a, b)
    held += low <= 2 <= high
  assert 0.92 < held / 500 < 0.99
  ratio, low, high, _ = statistics.ratio_interval(a, b)
  assert (1 / ratio, 1 / high, 1 / low) == pytest.approx(tuple(statistics.ratio_interval(b, a)[:3]))


def test_a_ratio_without_variance_has_no_interval_and_one_of_nothing_is_none():
  assert statistics.ratio_interval([4.0, 4.0], [2.0, 2.0])[0] == 2
  assert math.isnan(statistics.ratio_interval([4.0, 4.0], [2.0, 2.0]).low)
  assert math.isnan(statistics.ratio_interval([4.0, 5.0], [0.0, 0.0]).value)
