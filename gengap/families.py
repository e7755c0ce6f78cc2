"""The families of methods: how they are named, and which of them the report compares with each other."""

from typing import NamedTuple

from gengap.method import Kind


class Family(NamedTuple):
  """Methods of one kind."""

  name: str  # on the page, in run.json, in records of images and on the command line
  kind: Kind
  colour: str  # in figures: of the palette of Okabe and Ito (2008), which is safe for colour-blind readers
  rival: bool = False  # whether the report asks what its best method gives up


FAMILIES = (  # in the order of the page, which asks first what the first two rivals give up
  Family("VAE", Kind.VARIATIONAL, "#0072B2", rival=True),
  Family("autoencoder", Kind.AUTOENCODER, "#56B4E9"),
  Family("VAE and GAN", Kind.VARIATIONAL | Kind.ADVERSARIAL, "#CC79A7"),
  Family("GAN", Kind.ADVERSARIAL, "#D55E00", rival=True),
  Family("diffusion", Kind.DIFFUSION, "#009E73", rival=True),
  Family("other", Kind(0), "#7F7F7F"),
)
OTHER = FAMILIES[-1]
RIVALS = tuple(family for family in FAMILIES if family.rival)
OF_IMAGES = tuple(family.name for family in (*RIVALS, OTHER))  # that images of other programs can be of


def of_kind(kind: Kind) -> Family:
  """Returns the family of methods of a kind; OTHER if there is none."""
  return next((family for family in FAMILIES if family.kind == kind), OTHER)


def of_name(name: str) -> Family:
  """Returns the family of a name; OTHER if there is none."""
  return next((family for family in FAMILIES if family.name == name), OTHER)
