"""Figures as small SVG files."""

import io
import re

import matplotlib
from matplotlib.figure import Figure

REPLACEMENTS = (  # of attributes that take the most bytes and change nothing on the page
  (r"(\d\d\.\d)\d+", r"\1"),
  (r"(\.\d\d)\d+", r"\1"),
  (r" font-family: [^;\"]*;?", ""),
  (r' transform="rotate\(-?0 [^)]*\)"', ""),
  (
    r' id="(?:text|line2d|[xy]tick|patch|PathCollection|LineCollection|matplotlib|axes|legend|figure)[^"]*"',
    "",
  ),
  (r'(<use .*?) style="stroke: #000000; stroke-width: 0.[68]"', r"\1"),
  (r"stroke-linecap: square; ?|; stroke-linecap: square", ""),
  (r"(?<=[a-z]): (?=[\w#])", ":"),
  (r"; (?=[a-z-]+:)", ";"),
)
FONT = "text{font-family:'DejaVu Sans',sans-serif}"


def svg(figure: Figure) -> bytes:
  """Returns a figure as a small SVG file; equal figures give equal bytes."""
  with matplotlib.rc_context({"svg.hashsalt": "gengap", "svg.fonttype": "none"}):
    figure.savefig(file := io.BytesIO(), format="svg", metadata={"Date": None})
  text = re.sub(r"(?s)<metadata>.*?</metadata>", "", file.getvalue().decode())
  text = re.sub(r"<[^>]*>", shortened, text).replace(
    '<style type="text/css">', f'<style type="text/css">{FONT}'
  )
  text = re.sub(r"<g>\s*(<text[^>]*>[^<]*</text>|<path[^>]*/>|<use[^>]*/>)\s*</g>", r"\1", text)
  lines = (line.strip() for line in text.splitlines())
  return "".join(line + ("" if line.endswith(">") else " ") for line in lines).encode()


def shortened(tag: re.Match[str]) -> str:
  """Returns a tag of an SVG file without attributes that change nothing on the page."""
  text = tag[0]
  for found, shorter in REPLACEMENTS:
    text = re.sub(found, shorter, text)
  return text
