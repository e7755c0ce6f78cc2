"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
  """Returns a table: the header, a rule and one line for each row, without a newline at the end."""
  return "\n".join(map(line, (header, ["---"] * len(header), *rows)))


def line(cells: Sequence[str]) -> str:
  """Returns a row of a table; vertical bars in its cells are escaped."""
  escaped = (cell.replace("|", "\\|") for cell in cells)
  return "|" + "|".join(f" {cell} " if cell else " " for cell in escaped) + "|"
