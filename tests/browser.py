"""Looks at a page in headless Chromium: a script acts on it, and says what it found."""

import html as html_entities
import json
import os
import re
import shutil
import subprocess

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needed = pytest.mark.skipif(not BROWSER, reason="no Chromium on PATH")
SCRIPT = """
<script>
addEventListener("load", async () => {
  const found = {};
  const wait = () => new Promise((done) => setTimeout(done, 60));
  const one = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const shown = (element) => element.getClientRects().length > 0;
  try {
    %s
  } catch (error) {
    found.error = String(error);
  }
  document.body.innerHTML = "";
  document.title = JSON.stringify(found);
});
</script>
"""


def visit(folder, html, script, width=1280, fragment="", dark=False):
  """Opens a page, runs a script in it, and returns what the script has put into `found`.

  The script may use `wait()`, `one(selector)`, `all(selector)` and `shown(element)`. Fails if the page
  complains on its console.
  """
  (folder / "page.html").write_text(html.replace("</body>", SCRIPT % script + "</body>"))
  command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900"]
  command += [f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", "--dump-dom"]
  command += ["--virtual-time-budget=10000", *(["--blink-settings=preferredColorScheme=0"] if dark else [])]
  shown = subprocess.run(
    [*command, (folder / "page.html").as_uri() + fragment],
    capture_output=True,
    text=True,
    timeout=120,
    env=os.environ | {"HOME": str(folder)},
  )
  assert "CONSOLE" not in shown.stderr, shown.stderr
  title = re.search(r"<title>(.*?)</title>", shown.stdout, re.S)
  assert title, shown.stderr
  found = json.loads(html_entities.unescape(title[1]))
  assert "error" not in found, found["error"]
  return found
