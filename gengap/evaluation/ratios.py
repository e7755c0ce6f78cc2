"""Ratios of numbers to their floors: how many times as far from the references as real images are."""

from gengap.evaluation.types import Numbers, Score, plain


def over_floor(score: Score, samples: int, real: Numbers) -> Score:
  """Returns a score over its floor, which is then 1.

  The spread is that of the score over the floor; the floor's own is not in it. Distances depend on the number
  of images, so a floor of another number has no ratio. FD over that of the validation set, as it is also
  called, makes distances by different features comparable.

  Args:
    score: a number of samples.
    samples: how many there are.
    real: the images that its floor is of: "images", how many, and "crc32".
  """
  if reason := why_none(score, samples, real):
    return Score(None, reason=reason, seeds=score.seeds)
  assert score.floor and score.value is not None
  floor = {"split": score.floor_of, **plain(real)}
  return Score(
    value=score.value / score.floor,
    values=tuple(x if x is None else x / score.floor for x in score.values),
    spread=None if score.spread is None else score.spread / score.floor,
    floor=1.0,
    floor_of=score.floor_of,
    protocol=plain(score.protocol) | {"floor": floor},
    seeds=score.seeds,
    reference=score.reference,
  )


def why_none(score: Score, samples: int, real: Numbers) -> str:
  """Returns why a score has no ratio to its floor; "" if it has one."""
  if score.value is None:
    return score.reason
  if score.floor is None:
    return f"there is no floor: {score.floor_reason}"
  if real["images"] != samples:
    return (
      f"the floor is of {real['images']} images, and their ratio is fair to as many samples only: "
      f"--num_samples={real['images']}"
    )
  return "" if score.floor > 0 else f"the floor is {score.floor:.3g}"
