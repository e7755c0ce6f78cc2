"""Report E: VAE, GAN and conditional GAN on MNIST."""

from results.autoencoders import runs
from results.claims import PROVISIONAL, Claim
from results.claims.gap import DataSet
from results.claims.numbers import (
  HALF,
  Sample,
  beside,
  by_seed,
  find,
  frozen,
  less,
  probe,
  scarce,
  summary,
  text,
  updates,
)
from results.gap import plan

CLOTHES, DIGITS = DataSet("fashion_mnist 28x28"), DataSet("mnist 28x28")
PARTS = {"MNIST": DIGITS, "Fashion-MNIST": CLOTHES}
METHODS = ("vae", "gan", "cgan")
WIDTH = plan.PAIR["width"]
THROUGH = find("probes/scores.json", "fashion_mnist", "wgan_gp", "dynamics")
PATHS = "interpolation/random spherical/abruptness"


def trio(axis: str) -> str:
  """Returns a number of the three methods, and of real images, on both data sets."""
  return "; ".join(
    f"{name} {', '.join(str(part(method, axis)) for method in METHODS)} (real {text(part.real(axis))})"
    for name, part in PARTS.items()
  )


def classes(step: int) -> str:
  """Returns how many classes the WGAN-GP drew at a step."""
  return text(THROUGH["numbers"][f"step {step}/classes"][0])


def bits(name: str) -> Sample:
  """Returns the ELBO of a VAE of binarised digits."""
  return by_seed("bits", name, "elbo")


DENSE, INDEPENDENT = less(bits("dense"), bits("strided"), +1), by_seed("bits", "dense", "independent").mean
STEPS = THROUGH["detail"]["steps"]
LATER = [step for step in STEPS if step]
THIRD = min(LATER, key=lambda step: abs(step / max(LATER) - 1 / len(METHODS)))
ALL = [step for step in LATER if classes(step) == classes(max(LATER))]
SURE = [1 - value for value in DIGITS("gan", "unsure").values]
ENERGY = less(
  summary("minimax", "valid/energy_distance"), summary("non_saturating", "valid/energy_distance"), -1
)
CLIPPED = less(summary("wgan", "valid/energy_distance"), summary("wgan_gp", "valid/energy_distance"), -1)
ASKED = summary("cgan", "right_class")
CHANCE = 1 / DIGITS.real("classes")
BLURRED = [beside(part("vae", "sharpness"), part.real("sharpness"), -1) for part in PARTS.values()]
REMEDY = less(frozen("non_saturating"), frozen("minimax"), +1)
VANISHING = less(frozen("minimax"), frozen("non_saturating"), -1)
COLLAPSE = less(summary("collapse", "critic/diversity"), summary("no_collapse", "critic/diversity"), -1)
RANKED = [
  part.less(a, b, axis, sign)
  for part in PARTS.values()
  for a, b, axis, sign in (
    ("gan", "cgan", "unsure", +1),
    ("vae", "gan", "unsure", -1),
    ("gan", "cgan", "recall", +1),
    ("gan", "cgan", "sharpness", +1),
    ("gan", "cgan", "frechet", +1),
  )
]

CLAIMS = (
  Claim(
    "E1",
    claim="Dense and convolutional VAEs, strides for pooling, BCE or MSE.",
    measured=f"ELBO of test images, in nats: dense {bits('dense')}, strided convolutions {bits('strided')}, "
    f"independent pixels {text(INDEPENDENT)}. Dense less strided: {DENSE}.",
    n=f"{bits('dense').seeds} each",
    budget=f"{runs.BITS['steps']:,} updates, binarised MNIST",
    because="both are far above independent pixels; the report names neither sizes nor a winner",
    where="autoencoders",
    tests=[beside(bits(name), INDEPENDENT, +1) for name in ("dense", "strided")],
  ),
  Claim(
    "E2",
    claim="A strided convolutional GAN draws digits.",
    measured=f"The classifier is sure of the class of {Sample(SURE, low=0, high=1)} "
    f"of its samples; precision {DIGITS('gan', 'precision')} (real {text(DIGITS.real('precision'))}).",
    n=DIGITS("gan", "unsure").seeds,
    budget=f"{DIGITS.steps}, MNIST, width {WIDTH}",
    because="more than half of its samples, which is what is tested, are digits to a classifier",
    where="gap",
    tests=[beside(Sample(SURE), HALF, +1)],
  ),
  Claim(
    "E3",
    claim="The minimax loss trains.",
    measured=f"Squared energy distance to held-out images {summary('minimax', 'valid/energy_distance')}, "
    f"with the non-saturating loss {summary('non_saturating', 'valid/energy_distance')}: {ENERGY}; pixel "
    f"diversity over that of real images {summary('minimax', 'critic/diversity')}. Once the critic has won, "
    "see C4.",
    n=f"{summary('minimax', 'critic/diversity').seeds} each",
    budget=f"{updates('minimax')}, Fashion-MNIST",
    because="where the players keep pace, no difference from the non-saturating loss is decided; its "
    "gradient vanishes once the critic has won, in one seed",
    where="gan_family",
    tests=[ENERGY],
  ),
  Claim(
    "E4",
    claim="The non-saturating loss remedies a critic that wins too early.",
    measured=f"Gradient at an image once the critic has won: {frozen('non_saturating')} instead of "
    f"{frozen('minimax')}: {REMEDY}.",
    n=f"{frozen('minimax').seeds} each",
    budget=f"{updates('frozen_minimax')} of the critic, frozen generator, Fashion-MNIST",
    because=f"{scarce(frozen('minimax'))}its gradient does not vanish",
    where="gan_family",
    tests=[REMEDY],
  ),
  Claim(
    "E5",
    claim="GANs fail by vanishing gradients, mode collapse, no convergence.",
    measured=f"Saturating less non-saturating gradient {VANISHING}; pixel diversity of a GAN at rates that "
    f"invite a collapse less that of WGAN-GP {COLLAPSE}.",
    n=f"{frozen('minimax').seeds}; {summary('collapse', 'critic/diversity').seeds}",
    budget=f"{updates('frozen_minimax')} of the critic; {updates('collapse')}",
    because=f"{scarce(frozen('minimax'))}the first two, on purpose; that a GAN does not converge is not "
    "tested",
    where="gan_family",
    tests=[VANISHING, COLLAPSE],
  ),
  Claim(
    "E6",
    claim="The first WGAN clips its critic's weights.",
    measured="With this folder's clip the squared energy distance to held-out images is "
    f"{summary('wgan', 'valid/energy_distance')}, of WGAN-GP {summary('wgan_gp', 'valid/energy_distance')}: "
    f"{CLIPPED}; the critic ranks {summary('wgan', 'critic/ranking')} of pairs right.",
    n=f"{summary('wgan', 'critic/ranking').seeds} each",
    budget=f"{updates('wgan')} and {updates('wgan_gp')}, Fashion-MNIST",
    because="no difference between that clip and WGAN-GP is decided; of its paper's clip no number was kept",
    where="gan_family",
    tests=[CLIPPED],
  ),
  Claim(
    "E7",
    claim="A conditional GAN draws the class that is asked for.",
    measured=f"A classifier finds it in {ASKED} of samples with one-hot codes (chance {text(CHANCE)}); in "
    f"{text(summary('cgan_projection', 'right_class').mean)} with projection, of one seed.",
    n=f"{ASKED.seeds}; one",
    budget=f"{updates('cgan')} and {updates('cgan_projection')}, MNIST",
    because="far more often than by chance, but not always",
    where="gan_family",
    tests=[beside(ASKED, CHANCE, +1)],
  ),
  Claim(
    "E8",
    claim="A path from a 2 to a 5 is smooth, by class and by latent.",
    measured="Across classes, largest step over the mean one "
    f"{probe('mnist', 'cgan', 'interpolation', 'across linear/abruptness')}; of the middles "
    f"{probe('mnist', 'cgan', 'interpolation', 'across linear/elsewhere')} are of a third digit. By latent, "
    f"over seeds: {DIGITS('cgan', PATHS)}.",
    n=f"one; {DIGITS('cgan', PATHS).seeds} by latent",
    budget=f"{find('probes/scores.json', 'mnist', 'cgan', 'interpolation', 'protocol', 'step'):,} updates; "
    f"{DIGITS.steps}",
    because="by class one seed, which often goes by way of another digit; by latent nothing is tested",
    where="probes",
    status=PROVISIONAL,
  ),
  Claim(
    "E9",
    claim="The same noise, rendered through training.",
    measured=f"A WGAN-GP draws {classes(THIRD)} classes after {THIRD:,} of {max(LATER):,} updates, and "
    f"{classes(max(LATER))} from {min(ALL):,} on.",
    n="1 seed",
    budget=f"{max(LATER):,} updates, Fashion-MNIST",
    because="one seed; classes still arrive after the first third",
    where="probes",
  ),
  Claim(
    "E10",
    claim="CGAN best, VAE blurry, GAN least readable.",
    measured=f"VAE, GAN, CGAN. Sharpness: {trio('sharpness')}. Low-confidence share: {trio('unsure')}. "
    f"Recall: {trio('recall')}. Tests: the VAE's sharpness less that of real images on both data "
    "sets; then on each, by distance from real images, GAN less CGAN and VAE less GAN in low-confidence "
    "share, GAN less CGAN in recall, in sharpness and in Frechet distance: "
    + "; ".join(map(str, BLURRED + RANKED))
    + ".",
    n=f"{DIGITS('vae', 'unsure').seeds} each",
    budget=f"{DIGITS.steps}, one decoder of width {WIDTH}",
    because="the VAE is blurry, and on both data sets it, not the GAN, is least readable; the CGAN is more "
    "readable than the GAN on both, and at a smaller distance; on MNIST it is nearer to real images in "
    "sharpness, and undecided in recall; on Fashion-MNIST the GAN is nearer in both",
    where="gap",
    tests=BLURRED + RANKED,
  ),
)
