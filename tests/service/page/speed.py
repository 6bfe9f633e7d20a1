"""Prints how soon the page paints and answers, in the system's Chromium: `python -m tests.service.page.speed`.

First paint: the browser's own `first-contentful-paint`, of a fresh browser context each time. Answer: from the last
letter typed to the frame in which both models' new probabilities stand on the page; the pause before asking is in it.
The service runs on this machine as a process of its own, with the shipped models.
"""

from __future__ import annotations

import argparse
import statistics
from urllib.request import urlopen

from playwright.sync_api import Browser, sync_playwright

from tests.service.page.conftest import chromium
from tests.service.processes import service

# Resolves to milliseconds between the letter and the frame after both panels have changed.
TYPE_AND_WAIT = """(letter) => new Promise((done) => {
  const text = document.getElementById("text");
  const panels = [0, 1].map((place) => document.getElementById(`said-${place}`));
  const wanted = text.value + letter;
  const startedAt = performance.now();
  const look = () => {
    if (panels.every((panel) => panel.textContent.endsWith(letter) && panel.textContent.length > wanted.length - 4)) {
      watcher.disconnect();
      requestAnimationFrame(() => done(performance.now() - startedAt));
    }
  };
  const watcher = new MutationObserver(look);
  for (const panel of panels) watcher.observe(panel, { childList: true, subtree: true, characterData: true });
  text.value = wanted;
  text.dispatchEvent(new Event("input"));
})"""
SENTENCE = "Mary packed her bag because ___ was leaving for the"
TYPED = " town by the sea"


def measure(browser: Browser, url: str, n_loads: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each first paint and of each answer."""
    paints, answers = [], []
    for _ in range(n_loads):
        page = browser.new_context().new_page()
        page.goto(url + "#text=" + SENTENCE.replace(" ", "+"))
        page.wait_for_selector("#answer-1:not([hidden])")
        paints.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        page.wait_for_timeout(500)
        for letter in TYPED:
            if letter == " ":  # a space at the end is trimmed from what is shown
                page.evaluate("document.getElementById('text').value += ' '")
                continue
            answers.append(page.evaluate(TYPE_AND_WAIT, letter))
            page.wait_for_timeout(150)
        page.context.close()
    return paints, answers


def told(name: str, milliseconds: list[float]) -> str:
    ordered = sorted(milliseconds)
    middle, late = statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return f"{name}: median {middle:.0f} ms, 95th percentile {late:.0f} ms, of {len(ordered)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loads", type=int, default=10, help="how often the page is opened")
    parser.add_argument("--url", help="of a running service; default: one is started with the shipped models")
    arguments = parser.parse_args()
    path = chromium()
    if path is None:
        raise SystemExit("needs chromium: apt-get install chromium")
    with service(ANAPHORA_LOG_LEVEL="error") as running, sync_playwright() as started:
        url = arguments.url or running.url + "/"
        with urlopen(url) as reply:
            reply.read()
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        paints, answers = measure(browser, url, arguments.loads)
        browser.close()
    print(told("first paint", paints))
    print(told("answer of both models after the last letter", answers))


if __name__ == "__main__":
    main()
