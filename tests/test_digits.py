"""The data set `digits`, against scikit-learn's own arrays."""

import json

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from gengap import data, prepare
from gengap.errors import InputError


def rows(images, labels):
  return sorted((image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True))


def test_splits_are_a_stratified_partition_of_scikit_learns_images():
  found = {
    split: data.load("digits", split, image_size=8, validation_share=0.1)
    for split in ("train", "validation", "test")
  }
  assert [len(d.label) for d in found.values()] == [1211, 136, 450]
  whole, label = load_digits(return_X_y=True)
  stored = np.floor(whole * 255 / 16 + 0.5).astype(np.uint8)
  both = [np.concatenate([getattr(d, key) for d in found.values()]) for key in ("image", "label")]
  assert rows(*both) == rows(stored.reshape(-1, 8, 8, 1), label)
  np.testing.assert_allclose(np.bincount(found["test"].label) / np.bincount(label), 1 / 4, atol=0.003)
  assert found["test"].classes == tuple("0123456789")
  again = data.load("digits", "test", image_size=8)
  assert again.image.tobytes() == found["test"].image.tobytes()


def test_digits_are_resized_as_files_are():
  small, large = (data.load("digits/3", "test", image_size=size, channels=3) for size in (8, 20))
  assert small.image.shape == (len(small.label), 8, 8, 3) and small.classes == ("3",)
  one = Image.fromarray(small.image[5]).resize((20, 20), Image.Resampling.BILINEAR)
  np.testing.assert_array_equal(large.image[5], np.asarray(one))


def test_the_name_is_not_given_to_other_data(tmp_path):
  with pytest.raises(InputError, match="'digits' needs no files"):
    prepare.prepare("digits", tmp_path, tmp_path)
  own = tmp_path / "digits" / "1.0.0"
  own.mkdir(parents=True)
  (own / "dataset_info.json").write_text(json.dumps({}))
  with pytest.raises(InputError, match=r"digits/1\.0\.0 has the same name; prepare yours again"):
    data.load("digits", "test", data_dir=str(tmp_path))
  with pytest.raises(InputError, match=r"dataset_args\.sigma"):
    data.load("digits", "test", dataset_args={"sigma": 1})
