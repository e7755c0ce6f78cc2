"""The programs that are timed on a GPU, and the limit on their compilation."""

import subprocess
import sys

import pytest

from gengap import config as settings
from gengap import methods
from gengap.method import Spec
from results.speed import gpu

PROGRAMS = {name: case for name, case in gpu.CASES.items() if isinstance(case, gpu.Case)}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_is_timed_is_a_config_of_the_size_that_it_names(name):
  case = PROGRAMS[name]
  config = gpu.describe(case, 10)
  settings.check(config)
  assert config.steps_per_dispatch == 10
  assert {**case.fields, **case.args}.items() <= {**config, **config.method_args}.items()
  side = config.image_size
  methods.build(config, Spec((side, side, config.channels), 4, config.dtype))


def test_programs_that_need_longer_than_the_limit_are_left_out(monkeypatch):
  def start(names, repeats, together):
    seconds = 30 if names == ["slow"] else 0
    return subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"])

  monkeypatch.setattr(gpu, "start", start)
  assert list(gpu.compiled(["slow", "fast"], 3, 10)) == ["fast"]
