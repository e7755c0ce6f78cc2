"""What is read of a run's folder: its best checkpoint, what its scores stand beside, how it ended."""

import written

from gengap.report import groups, run_files, stability


def test_the_last_step_is_saved_wherever_it_is(tmp_path):
  """Every 15th of 40 steps is saved, and the last; of those that are not, none is the best."""

  def best(name, energy):
    run = written.run(tmp_path / name, energy=energy, config={"checkpoint_every": 15})
    return run_files.read(run).best

  assert best("last", {40: 0.01}) == 40
  assert best("not saved", {20: 0.01, 40: 0.9}) == 30


def test_a_score_stands_beside_test_images_where_they_were_measured():
  scores = {
    "frechet": {"value": 1.0, "floors": {"train": 0.1, "test": 0.2}},
    "authentic": {"value": 0.5, "floors": {"train": 0.4}},
  }
  found = dict(run_files.evaluation_scores({"samples": {"protocol": {}, "scores": scores}}, {}))
  assert (found["frechet"].floor, found["authentic"].floor) == (0.2, 0.4)


def test_a_collapse_is_that_of_the_last_evaluation(tmp_path):
  for seed, (early, late) in enumerate(((1.9, 0.1), (0.1, 1.9))):
    scores = {20: {"diversity": early}, 40: {"diversity": late}}
    written.run(tmp_path / str(seed), "gan", seed, scores)
  (found,) = groups.comparisons([run_files.read(tmp_path / str(seed)) for seed in (0, 1)])
  assert stability.collapsed(found.groups[0]).values == {0: 1, 1: 0}
