"""What all tests share: a cache of their own."""

import os

import pytest

from gengap import cli


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
  """Keeps decoded data and programs out of the user's cache, in this process and those it starts."""
  if "GENGAP_CACHE" not in os.environ:
    os.environ["GENGAP_CACHE"] = str(tmp_path_factory.mktemp("cache"))
  cli.keep_programs()
