"""Folders of runs as they are after training, evaluating and probing, written in milliseconds."""

import json
import zlib

import numpy as np
from PIL import Image

STEPS = 40
PROTOCOL = {"split": "test", "samples": 100, "features": {"network": "classifier 8"}, "classifier": None}
FLOORS = {"precision": 0.9, "recall": 0.9, "density": 1.0, "coverage": 0.95, "frechet": 0.1, "diversity": 2.0}


def run(folder, method="vae", seed=0, scores=None, steps=STEPS, protocol=PROTOCOL, **more):
  """Writes a run; `scores` are those of its samples at every evaluated step: step -> name -> value."""
  adversarial = "gan" in method
  player = "critic" if adversarial else method
  folder.mkdir(parents=True)
  config = {"method": method, "dataset": "blobs_single", "image_size": 8, "channels": 0, "seed": seed}
  config |= {
    "method_args": {"latent_dim": 4},
    "dataset_args": {"sigma": None},
    "steps": STEPS,
    "log_every": 10,
  }
  config |= {"best": "valid/energy_distance", "checkpoint_every": 10} | more.get("config", {})
  write(folder / "config.json", config)
  made = {"command": f"python -m gengap.main --seed={seed}", "device": "1 x cpu", "flops_per_step": 1e6}
  made |= {"adversarial": adversarial, "variational": method.startswith("vae"), "generates": method != "ae"}
  made |= {"encodes": not adversarial or method == "vae_gan", "images_per_step": 8 * (1 + adversarial)}
  made |= {
    "updates_per_step": {player: 1 + adversarial},
    "parameters": {player: 10},
    "sampling_parameters": 5,
  }
  write(folder / "run.json", made | more.get("made", {}))
  lines = []
  for step in range(10, steps + 1, 10):
    lines.append(
      {"step": step, f"{player}/loss": 1 / step, f"{player}/oscillation": 0.1, "steps_per_second": 5.0}
    )
    lines.append({"step": step, "valid/energy_distance": more.get("energy", {}).get(step, 1 / step)})
  (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
  for step, found in (scores or {}).items():
    seen = {
      k: {"value": v, "floors": {"train": FLOORS.get(k, 0.5), "test": FLOORS.get(k, 0.5)}}
      for k, v in found.items()
    }
    evaluation = {
      "step": step,
      "commands": [f"python -m gengap.evaluate --step={step}"],
      "protocol": {"images": 10},
    }
    drawn = "generator output" if adversarial else "decoder means"
    evaluation |= {"samples": {"protocol": protocol, "subject": {"drawn": drawn}, "scores": seen}}
    evaluation |= more.get("measures", {})
    write(folder / "eval" / f"{step}.json", evaluation)
  grid = np.full((16, 16, 3), 255 * (seed % 2), np.uint8)
  (folder / "samples").mkdir()
  for name in (steps, "real"):
    Image.fromarray(grid).save(folder / "samples" / f"{name}.png")
  return folder


def write(path, found):
  """Writes JSON."""
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(json.dumps(found))


def grid(folder, seeds=3, spread=0.01):
  """Writes a VAE that covers and a GAN that is sharp, some seeds each, at two steps."""
  rng = np.random.default_rng(0)
  ideal = {
    "vae": {
      "precision": 0.4,
      "recall": 0.8,
      "density": 0.3,
      "coverage": 0.7,
      "frechet": 20.0,
      "diversity": 1.8,
    },
    "wgan_gp": {
      "precision": 0.8,
      "recall": 0.3,
      "density": 0.8,
      "coverage": 0.4,
      "frechet": 10.0,
      "diversity": 1.5,
    },
  }
  for method, at in ideal.items():
    for seed in range(seeds):
      scores = {
        step: {
          name: value * (1 + spread * rng.standard_normal()) * (2 - step / STEPS)
          for name, value in at.items()
        }
        for step in (20, STEPS)
      }
      run(folder / method / str(seed), method, seed, scores)
  return folder


def images(path, name="torch_vae", family="VAE", scores=None, protocol=PROTOCOL, dataset="blobs_single"):
  """Writes the record of images that no run of gengap made."""
  scores = {"precision": 0.5, "recall": 0.6, "frechet": 9.0} if scores is None else scores
  seen = {
    k: {"value": v, "values": [v], "floors": {"test": FLOORS.get(k, 0.5)}, "protocol": protocol}
    for k, v in scores.items()
  }
  subject = {"drawn": "given images", "images": 100, "name": name, "family": family, "source": "samples"}
  subject["crc32"] = zlib.crc32(path.name.encode())
  reference = {"dataset": dataset, "split": "test", "image_size": 8, "channels": 1}
  write(
    path,
    {
      "commands": ["python -m gengap.evaluate --generated=samples"],
      "samples": {"protocol": protocol, "subject": subject, "scores": seen},
      "reference": reference,
    },
  )
  samples = path.with_name(f"{path.stem}_samples")
  samples.mkdir()
  Image.fromarray(np.full((22, 22, 3), 128, np.uint8)).save(samples / "0.png")
  return path
