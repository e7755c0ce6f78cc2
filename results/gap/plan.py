"""What the runs of this folder are: the methods of each data set, their budget, and how they are judged."""

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from gengap.config import plain
from gengap.evaluation.sampling import Sampling
from gengap.method import Config
from results import judging

RECORDS = pathlib.Path(__file__).parent / "records"
MIXTURE = "mixture:10"  # how samples of VAEs are drawn beside their prior
MIXED = "mixture.webp"  # in a record: samples of codes from a mixture


def mixed(method: str) -> str:
  """Returns the name on the page of a method whose codes are drawn from a mixture."""
  return f"{method} ({Sampling.of(MIXTURE).words})"


MIXED_VAE = mixed("vae")

# Images of digits and clothes: one decoder, and one learning rate of all networks (pilot.py)
PAIR = {"network": "dcgan", "width": 32, "latent_dim": 32}
ADAM = {"learning_rate": 1e-3, "critic_learning_rate": 1e-3, "b1": 0.5, "b2": 0.999}
CONSTANT = {"decay_steps": 0, "critic_decay_steps": 0}
Methods = Mapping[str, tuple[str, dict[str, Any]]]  # name -> config, arguments that differ from it
METHODS: Methods = {
  "vae": ("conv_vae", PAIR | {"likelihood": "gaussian_global"}),
  "mmd_vae": ("mmd_vae", PAIR),
  "gan": ("non_saturating_gan", PAIR | ADAM),
  "lsgan": ("lsgan", PAIR | ADAM | CONSTANT | {"n_critic": 1}),
  "wgan_gp": ("wgan_gp", PAIR | ADAM | CONSTANT | {"n_critic": 1}),
  "cgan": ("cgan", PAIR | ADAM),
  "vae_gan": ("vae_gan", PAIR | ADAM),
  "hierarchical_vae": ("hierarchical_vae", {"width": 32, "likelihood": "gaussian_global"}),
  "relativistic_gan": ("relativistic_gan", PAIR | ADAM | {"gamma": 0.1}),
  "vq_vae": ("vq_vae", {"width": 64, "codes": 128, "code_dim": 32, "prior_width": 64, "prior_layers": 2}),
  "diffusion": ("diffusion", {"width": 16, "network_evaluations": 19}),
  "wgan_gp_5": ("wgan_gp", PAIR | ADAM | CONSTANT | {"n_critic": 5}),
}
GREY = ("mnist", "fashion_mnist")
MOST_SEEDS = 5  # of a method
FEWER_SEEDS = ("vq_vae", "diffusion", "wgan_gp_5")  # also on digits and clothes, for want of time
LATENT_VAES = ("vae", "mmd_vae", "vae_gan")  # with one vector of latents: also sampled from a mixture
ENCODED = dict.fromkeys(  # diagnostics of autoencoders
  ("vae", "mmd_vae", "hierarchical_vae", "vq_vae"), ("posterior", "likelihood", "reconstructions")
) | {"vae_gan": ("reconstructions",)}
FOLLOWED_ONCE = ("diffusion",)  # through training in the first run alone: 10,000 samples take minutes
PROBED = (*LATENT_VAES, "gan", "lsgan", "wgan_gp", "cgan", "relativistic_gan")
EXPLORED = ("wgan_gp_5",)  # images over a plane, of rivals of the page

# Coloured images, with the same decoder: a VAE and a GAN of all classes, and three losses on one class
COLOURED = {name: METHODS[name] for name in ("vae", "gan")}
LOSSES = {name: METHODS[name] for name in ("gan", "lsgan", "wgan_gp")}
BIRDS = "cifar10/bird"
ANIMALS = (2, 3, 4, 5, 6, 7)  # labels of CIFAR-10
MISSED = {"trucks": 9, "ships": 8, "frogs": 6}  # classes that a report's GAN did not draw -> labels
COUNTED = ("cifar10",)  # of whose samples the share of each class is kept

# Blobs, with the latents of the source report
BLOBS = {"network": "dcgan", "width": 16}
FAST = {"n_critic": 3, "learning_rate": 5e-4, "critic_learning_rate": 5e-4} | CONSTANT
LATENTS = {"blobs_single": (4, 32), "blobs_multi": (40, 64)}  # of the VAE and of the WGAN-GP


def of_blobs(vae: int, gan: int) -> Methods:
  """Returns the methods of images of blobs, given their numbers of latents."""
  return {
    "vae": ("conv_vae", BLOBS | {"latent_dim": vae, "likelihood": "gaussian_global"}),
    "wgan_gp": ("wgan_gp", BLOBS | FAST | {"latent_dim": gan}),
  }


class Task(NamedTuple):
  """The runs of a data set."""

  methods: Methods  # the first is the cheapest
  updates: int  # of the generator (decoder), of every method
  saved: int  # updates between checkpoints, among which the one of equal operations is found
  batch: int
  size: int  # pixels of a side of an image
  features: Mapping[str, Any]  # that judge samples
  metrics: tuple[str, ...]  # after all updates
  followed: tuple[str, ...]  # through training
  evaluations: int = 4  # equally far apart; the rule of the budget looks at the last two
  samples: int = 10_000

  @property
  def cheapest(self) -> str:
    """The method whose operations all others have, when they are compared at equal operations."""
    return next(iter(self.methods))

  @property
  def evaluated(self) -> list[int]:
    """The steps of evaluations."""
    return [self.updates * i // self.evaluations for i in range(1, self.evaluations + 1)]

  @property
  def halfway(self) -> int:
    """The step of the last evaluation in the first half of the updates."""
    return self.evaluated[self.evaluations // 2 - 1]


SAMPLED = ("frechet", "kid", "prdc", "sharpness", "diversity", "memorisation")


def of_classes(data: str) -> Task:
  """Returns the runs of a data set that a classifier of the zoo knows."""
  judge = {"features": "classifier", "classifier": f"zoo:classifier_{data}"}
  return Task(METHODS, 5000, 250, 64, 28, judge, (*SAMPLED, "classes"), ("frechet",))


def of_pixels(methods: Methods) -> Task:
  """Returns the runs of images of blobs, whose features are pixels."""
  judged = {"features": "pixels"}
  return Task(methods, 25_000, 1250, 32, 32, judged, (*SAMPLED, "blobs"), ("frechet", "blobs"))


def of_birds() -> Task:
  """Returns the runs of one class of CIFAR-10, of which there are 1,000 test images."""
  judge = {"features": "classifier", "classifier": "zoo:classifier_cifar10"}
  followed = ("frechet", "prdc", "diversity")
  return Task(LOSSES, 5000, 625, 64, 32, judge, SAMPLED, followed, evaluations=8, samples=1000)


TASKS = {
  "mnist": of_classes("mnist"),
  "fashion_mnist": of_classes("fashion_mnist"),
  "cifar10": of_classes("cifar10")._replace(methods=COLOURED, size=32),
  BIRDS: of_birds(),
} | {data: of_pixels(of_blobs(*latents)) for data, latents in LATENTS.items()}


def seeds(name: str, data: str) -> range:
  """Returns the training seeds of a method: five of most methods on digits and clothes, else three."""
  return range(MOST_SEEDS if data in GREY and name not in FEWER_SEEDS else 3)


def describe(name: str, data: str, seed: int) -> Config:
  """Returns the config of a run."""
  task = TASKS[data]
  file, args = task.methods[name]
  config, every = judging.read_config(file, data), task.updates // task.evaluations
  config.method_args.update(args)
  config.update(steps=task.updates, image_size=task.size, batch_size=task.batch, seed=seed, ema=0.999)
  config.update(eval_every=every, sample_every=every, checkpoint_every=task.saved, keep_checkpoints=1000)
  return config


def settings(name: str, data: str, seed: int) -> dict[str, Any]:
  """Returns the fields of the config of a run, as scores.json has them."""
  return plain(describe(name, data, seed))


def folder(name: str, data: str, seed: int) -> pathlib.Path:
  """Returns where a judged run is kept."""
  return RECORDS / data.replace("/", "_") / name / str(seed)
