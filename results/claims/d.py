"""Report D: autoencoders, VAEs with flows, a dense GAN."""

from collections.abc import Iterable

from results.autoencoders import runs
from results.claims import DEPENDS, NOT_TESTED, Claim
from results.claims.numbers import Sample, Test, beside, by_seed, find, less, summary, text, updates

WIDTH = runs.NARROW["method_args.width"]
AT = f"{runs.SHORT['steps']:,} updates, CIFAR-10, width {WIDTH}"
STRONG = f"beta_{runs.STRONG:g}"
FLOWS = {"planar": "flow_planar", "RealNVP": "flow_realnvp", "IAF": "flow_iaf"}
BITS = f"{find('autoencoders/scores.json', 'flows', 'flow_none', '0', 'steps'):,} updates, binarised MNIST"
LEVELS = find("autoencoders/scores.json", "levels", "hierarchical", "0")
CRITIC = summary("dense", "critic/diversity")


def ae(name: str, number: str) -> Sample:
  """Returns a number of every seed of a run at the edge of a collapse."""
  return Sample(by_seed("collapse", name, number).values, low=0.0)


def flow(name: str, number: str) -> str:
  """Returns the mean of a number over seeds, with two decimals."""
  return f"{by_seed('flows', name, number).mean:.2f}"


def gains(number: str, expected: int, names: Iterable[str]) -> list[Test]:
  """Returns what flows gain over the Gaussian posterior."""
  return [less(by_seed("flows", x, number), by_seed("flows", "flow_none", number), expected) for x in names]


def small(name: str) -> Sample:
  """Returns the squared error of reconstructions of a small network."""
  return by_seed("small", name, "reconstruction")


SMALL = f"{runs.SMALL['steps']:,} updates"
MEAN_IMAGE = by_seed("small", "small_ae", "of_mean_image").mean
FEWEST, *MORE_LATENTS = (f"small_vae_{dim}" for dim in runs.LATENTS)
MORE = [less(small(name), small(FEWEST), -1) for name in MORE_LATENTS]
PLANAR = [*gains("elbo", +1, ["flow_planar"]), *gains("nll", -1, ["flow_planar"])]
FREE = runs.RUNS["free_bits"][1]["method_args.free_bits"]
EACH = Sample([kl / runs.NARROW["method_args.latent_dim"] for kl in ae("free_bits", "kl").values], low=0.0)
AWAKE = less(ae("free_bits", "active_units"), ae(STRONG, "active_units"), +1)
CYCLES = [less(ae("cyclical", number), ae(STRONG, number), +1) for number in ("kl", "active_units")]
ELBO, NLL = gains("elbo", +1, FLOWS.values()), gains("nll", -1, FLOWS.values())

CLAIMS = (
  Claim(
    "D1",
    claim="An autoencoder of two small convolutions reconstructs.",
    measured=f"Squared error of test images, summed over an image: {small('small_ae')}; of the mean "
    f"training image {text(MEAN_IMAGE)}.",
    n=small("small_ae").seeds,
    budget=f"{SMALL}, CIFAR-10",
    because="the error is a small part of that of the mean image",
    where="autoencoders",
    tests=[beside(small("small_ae"), MEAN_IMAGE, -1)],
  ),
  Claim(
    "D2",
    claim="A VAE of 64, 128 or 256 latents.",
    measured="Squared error of test images with "
    + ", ".join(f"{dim} latents {small(f'small_vae_{dim}')}" for dim in runs.LATENTS)
    + f"; of the mean training image {text(MEAN_IMAGE)}. More latents less fewest: "
    + ", ".join(map(str, MORE))
    + ".",
    n=f"{small('small_ae').seeds} each",
    budget=f"{SMALL}, CIFAR-10",
    because="tested in this order: each reconstructs; what more latents change",
    where="autoencoders",
    tests=[*(beside(small(f"small_vae_{dim}"), MEAN_IMAGE, -1) for dim in runs.LATENTS), *MORE],
  ),
  Claim(
    "D3",
    claim="Four planar flows in the posterior.",
    measured=f"ELBO {flow('flow_planar', 'elbo')} instead of {flow('flow_none', 'elbo')}: {PLANAR[0]}; NLL "
    f"{flow('flow_planar', 'nll')} instead of {flow('flow_none', 'nll')}: {PLANAR[-1]}.",
    n=f"{by_seed('flows', 'flow_none', 'elbo').seeds} each",
    budget=BITS,
    because="they raise the ELBO and lower the NLL",
    where="autoencoders",
    tests=PLANAR,
  ),
  Claim(
    "D4",
    claim="A dense GAN trains with dropout, smoothed labels and two rates.",
    measured=f"Pixel diversity over that of real images {CRITIC}; the critic still ranks "
    f"{summary('dense', 'critic/ranking')} of pairs right; squared energy distance to held-out images "
    f"{summary('dense', 'valid/energy_distance')}, of a convolutional GAN "
    f"{summary('non_saturating', 'valid/energy_distance')}.",
    n=CRITIC.seeds,
    budget=f"{updates('dense')}, Fashion-MNIST",
    because="it neither collapses nor diverges; that its samples are clothes is seen by eye",
    where="gan_family",
    status=DEPENDS,
  ),
  Claim(
    "D5",
    claim="Train until the validation loss stabilises.",
    measured="--config.patience does it, and keeps the best checkpoint; no run here used it.",
    n="0",
    budget="",
    because="a procedure, of which nothing is claimed; tests/test_train.py tests the option",
    status=NOT_TESTED,
  ),
  Claim(
    "D6",
    claim="KL annealing from 0 to 1 over 10,000 steps.",
    measured="Not run: configs/annealed_vae.py has the schedule, and A4 one that rises to "
    f"{text(runs.STRONG)} over {runs.ANNEALED:,} steps.",
    n="0",
    budget="",
    because="this schedule was never run",
    where="autoencoders",
    status=NOT_TESTED,
  ),
  Claim(
    "D7",
    claim=f"Free bits: at least {FREE} nats a latent.",
    measured=f"At beta {text(runs.STRONG)}: active units {ae('free_bits', 'active_units')}, "
    f"{ae(STRONG, 'active_units')} without: {AWAKE}. KL {ae('free_bits', 'kl')}, {ae(STRONG, 'kl')} without; "
    f"of test images that is {EACH} nats a latent.",
    n=f"{EACH.seeds} each",
    budget=AT,
    because="tested in this order: more latents stay active; on test images the mean latent has less than "
    "was asked for, since the loss does not reward nats below the threshold",
    where="autoencoders",
    tests=[AWAKE, beside(EACH, FREE, +1)],
  ),
  Claim(
    "D8",
    claim="Cyclical annealing.",
    measured=f"At beta {text(runs.STRONG)}: KL {ae('cyclical', 'kl')}, {ae(STRONG, 'kl')} without: "
    f"{CYCLES[0]}; active units {ae('cyclical', 'active_units')} and {ae(STRONG, 'active_units')}.",
    n=f"{ae('cyclical', 'kl').seeds} each",
    budget=AT,
    because="one beta, at which no difference is decided; in the mean the KL is a little larger, and fewer "
    "units are active",
    where="autoencoders",
    tests=CYCLES,
  ),
  Claim(
    "D9",
    claim="Flows make the latent more expressive.",
    measured="ELBO over the Gaussian posterior: "
    + ", ".join(f"{name} {test}" for name, test in zip(FLOWS, ELBO, strict=True))
    + "; NLL "
    + ", ".join(f"{name} {test}" for name, test in zip(FLOWS, NLL, strict=True))
    + ".",
    n=f"{by_seed('flows', 'flow_none', 'elbo').seeds} each",
    budget=BITS,
    because="all three raise the ELBO and lower the NLL",
    where="autoencoders",
    tests=[*ELBO, *NLL],
  ),
  Claim(
    "D10",
    claim="Wished for: a quality metric, a hierarchy, RealNVP, IAF, VAE-GAN, attention.",
    measured=f"All are there. The hierarchy has an NLL of {LEVELS['nll']:.2f}, with a standard error of "
    f"{LEVELS['nll_error']:.2f} over test images of one run; for RealNVP and IAF see D9.",
    n="1 seed",
    budget=f"{LEVELS['steps']:,} updates, binarised MNIST",
    because="a wish, not a claim",
    where="autoencoders",
    status=NOT_TESTED,
  ),
)
