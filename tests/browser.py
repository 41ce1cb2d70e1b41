"""A page in a real browser: what a script sees there, on a desktop and on a phone.

Needs chromium, which a machine may not have: ``in_browser`` skips a test then.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")

WATCH = """<script>
window.problems = [];
window.onerror = (message) => { window.problems.push(String(message)); };
for (const kind of ["error", "warn"])
  console[kind] = (...words) => window.problems.push(words.join(" "));
</script>"""

# Runs when the page has loaded; what a test tries adds to ``seen``. A frame hands it on.
TRY = """<script>
window.addEventListener("load", () => setTimeout(async () => {
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const seen = { problems: window.problems };
TRIED
  seen.width = document.documentElement.clientWidth;
  seen.scroll = document.documentElement.scrollWidth;
  const words = JSON.stringify(seen);
  if (window.parent !== window) return window.parent.postMessage(words, "*");
  const pre = document.createElement("pre");
  pre.id = "seen";
  pre.textContent = words;
  document.body.append(pre);
}, 500));
</script>"""

FRAME = """<!doctype html><body style="margin:0"><iframe src="tried.html" width="390" height="2000"
style="border:0"></iframe><script>window.onmessage = (event) => {
const pre = document.createElement("pre"); pre.id = "seen"; pre.textContent = event.data;
document.body.append(pre); };</script></body>"""


def chromium(*arguments: str) -> str:
    """What the browser prints."""
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += ["--allow-file-access-from-files", "--virtual-time-budget=20000", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240)
    return done.stdout


def seen_in(page: Path, tried: str, folder: Path, *, phone: bool) -> dict[str, Any]:
    """What a script saw of a page, on a desktop or in a frame of a phone's width.

    Args:
        page: the file.
        tried: JavaScript that adds to the object ``seen``; it may await ``wait(milliseconds)``.
        folder: takes the page with the script in it.
        phone: whether the page is 390 pixels wide in place of 1280.
    """
    text = page.read_text("utf-8").replace("<head>", f"<head>{WATCH}", 1)
    script = TRY.replace("TRIED", tried)
    (folder / "tried.html").write_text(text.replace("</body>", f"{script}</body>"), "utf-8")
    (folder / "frame.html").write_text(FRAME, "utf-8")
    name = folder / ("frame.html" if phone else "tried.html")
    dom = chromium("--window-size=1280,2000", "--dump-dom", f"file://{name}")
    found = re.search(r'<pre id="seen">(.*?)</pre>', dom, re.DOTALL)
    assert found, "the page's scripts did not come to their end"
    return json.loads(html.unescape(found.group(1)))
