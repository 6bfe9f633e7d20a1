"""The picture of a trace: one HTML page that holds all it needs and sends no request.

It keeps the project's order: the question and its answer, the structure unrolled in time, then the cells, one panel a
site in the order of computing. Colours are those of the service's page; blue and orange differ for the colour-blind.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from model.cloze import ClozeResult
from model.config import NetworkConfig
from model.edit_lines import edit_lines
from model.heat_map import Columns, heat_map, structure_map
from model.interventions import Intervention
from model.labels import printable, visible
from model.sites import Site, parse_site
from model.trace import SiteTrace, Trace

PREDICTIONS_SHOWN, JOINT_SHOWN, WARNINGS_SHOWN = 20, 5, 5
"""How many words of one blank, ways to fill several, and warnings are listed."""


class Activation(NamedTuple):
    """How an activation is called in the equations, and what it does."""

    symbol: str
    meaning: str


ACTIVATIONS = {
    "input_gate": Activation("i", "how much of the candidate is written: 0 nothing, 1 all of it"),
    "forget_gate": Activation("f", "how much of the old cell state is kept: 0 lets it go, 1 keeps it"),
    "cell_candidate": Activation("g", "what could be written into the cell state"),
    "output_gate": Activation("o", "how much of the cell state is shown: 0 nothing, 1 all of it"),
    "cell_state": Activation("c", "what the unit remembers: forget gate × old cell state + input gate × candidate"),
    "reset_gate": Activation("r", "how much of the old state the candidate sees: 0 nothing, 1 all of it"),
    "update_gate": Activation("z", "1 keeps the old state, 0 takes the candidate"),
    "candidate": Activation("n", "what the new state could be"),
    "hidden_state": Activation(
        "h", "what the unit shows: to the layer above and, but for an MLP, to itself at the next token"
    ),
}

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --ink: #22211e; --faint: #6b675f; --line: #d9d4c9; --field: #fff;
  --accent: #2b5fa8; --high: rgb(43 95 168); --low: rgb(196 98 16); }
@media (prefers-color-scheme: dark) { :root { --paper: #191a1c; --ink: #e8e6e1; --faint: #a19d95; --line: #3a3b3e;
  --field: #232427; --accent: #8db8f0; --high: rgb(111 168 240); --low: rgb(240 150 70); } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; font-weight: 400; margin: 0 0 .5rem; }
h1 mark { background: none; color: var(--accent); font-weight: 700; text-decoration: underline;
  unicode-bidi: isolate; }
h2 { font-size: 1.2rem; margin: 2rem 0 .25rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 0; }
p { margin: .25rem 0; max-width: 48rem; }
.note, footer, caption, summary { color: var(--faint); font-size: .9rem; max-width: none; }
.edits { border-left: 3px solid var(--low); margin: .5rem 0; padding-left: .75rem; }
.edits ul { margin: 0; padding-left: 1.25rem; }
.warning { color: var(--low); font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; }
th { font-weight: 600; text-align: left; padding-right: 1rem; white-space: nowrap; }
td { text-align: right; padding: .1rem .4rem; white-space: nowrap; }
.values { font-size: .85rem; margin: .25rem 0; }
.values th { padding: .1rem .4rem; }
.values thead th { text-align: right; }
svg { display: block; margin: .25rem 0; }
svg.bar { width: min(16rem, 30vw); height: .8rem; margin: 0; background: var(--line); border-radius: 2px; }
svg.scale { display: inline-block; vertical-align: -.1rem; margin: 0 .3rem; border: 1px solid var(--line); }
text { fill: var(--ink); font-size: 13px; text-anchor: middle; }
.slanted { text-anchor: start; }
.token.blank { fill: var(--accent); font-weight: 700; }
.unit { fill: var(--faint); font-size: 12px; text-anchor: end; }
.field { fill: var(--field); stroke: var(--line); }
.high, .bar rect { fill: var(--high); }
.low { fill: var(--low); }
.box { fill: var(--field); stroke: var(--faint); }
.line { fill: none; stroke: var(--faint); }
.read { stroke: var(--accent); stroke-width: 2.5; }
.read.box { fill: var(--accent); }
.cursor { fill: none; stroke: var(--ink); stroke-width: 2; }
.map:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); }
output { display: block; min-height: 1.5em; font-variant-numeric: tabular-nums; }
"""

SCRIPT = """
const edges = document.querySelector("main").dataset.edges.split(" ").map(Number);
for (const panel of document.querySelectorAll("section.panel")) {
  const [map, cursor, said] = [".map", ".cursor", "output"].map((name) => panel.querySelector(name));
  const rows = panel.querySelector("table").rows, top = +map.dataset.top, height = +map.dataset.row;
  let row = 0, column = -1;
  const show = () => {
    const cells = rows[row + 1].cells, token = rows[0].cells[column + 1].textContent;
    said.textContent = `unit ${cells[0].textContent} at “${token}”: ${cells[column + 1].textContent}`;
    const place = { x: edges[column], width: edges[column + 1] - edges[column], y: top + height * row };
    for (const name in place) cursor.setAttribute(name, place[name]);
    cursor.setAttribute("visibility", "visible");
  };
  const point = (event) => {
    const frame = map.getBoundingClientRect(), x = event.clientX - frame.left, y = event.clientY - frame.top;
    const pointed = edges.findLastIndex((edge) => edge <= x), line = Math.floor((y - top) / height);
    if (pointed < 0 || pointed >= edges.length - 1 || line < 0 || line >= rows.length - 1) return;
    [row, column] = [line, pointed];
    show();
  };
  map.addEventListener("pointermove", point);
  map.addEventListener("pointerdown", point);
  map.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    row = Math.min(Math.max(row + step[0], 0), rows.length - 2);
    column = Math.min(Math.max(column + step[1], 0), edges.length - 2);
    show();
  });
}
"""


def picture(
    result: ClozeResult,
    name: str,
    sha256: str,
    network: NetworkConfig,
    context: str = "both",
    interventions: Sequence[Intervention] = (),
) -> str:
    """The page for a result that has a trace. `name`, `sha256`, `network`: the bundle's; the rest: as was asked.

    Nothing of the text reaches the page but as text. Raises ValueError when the result has no trace.
    """
    if result.trace is None:
        raise ValueError("the result has no trace; ask for one with TraceRequest.")
    spans = {(blank.start, blank.end) for blank in result.blanks}
    texts = [token.text for token in result.trace.tokens]
    columns = Columns.of(texts, (i for i, token in enumerate(result.trace.tokens) if token[1:] in spans))
    policy = (
        f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; base-uri 'none'; form-action 'none'"
    )
    title = escape(visible(result.text))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
{_sentence(result)}
{_edits(edit_lines(interventions, texts))}
{_predictions(result)}
{_warnings(result)}
</header>
<main data-edges="{" ".join(map(str, columns.edges))}">
{_structure(columns, network, context)}
{_cells(result.trace, columns, network)}
</main>
<footer><p>Model {escape(name)}, SHA-256 {escape(sha256)}.</p></footer>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _hash(text: str) -> str:
    """As a Content-Security-Policy names an inline style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _best(result: ClozeResult) -> list[str]:
    """The word in each blank of the traced text."""
    return list(result.joint[0].filled) if result.joint else [blank.predictions[0].filled for blank in result.blanks]


def _sentence(result: ClozeResult) -> str:
    parts, place = [], 0
    for blank, word in zip(result.blanks, _best(result), strict=True):
        parts.append(f"{_shown(result.text[place : blank.start])}<mark>{_shown(word)}</mark>")
        place = blank.end
    return f'<h1 dir="auto">{"".join(parts)}{_shown(result.text[place:])}</h1>'


def _edits(lines: list[str]) -> str:
    """The subtitle of a network that was edited while it read: nothing below is the network as it is."""
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div class="edits"><p>Read with the network edited:</p><ul>{items}</ul></div>'


def _shown(text: str) -> str:
    return escape(printable(text))


def _predictions(result: ClozeResult) -> str:
    tables = [
        _table(
            f"blank {number}" if len(result.blanks) > 1 else "",
            [(p.filled, p.probability) for p in blank.predictions[:PREDICTIONS_SHOWN]],
        )
        for number, blank in enumerate(result.blanks, 1)
    ]
    if result.joint:
        kind = "" if result.joint_kind == "exact" else " (pseudo-likelihood)"
        rows = [(", ".join(entry.filled), entry.probability) for entry in result.joint[:JOINT_SHOWN]]
        tables.append(_table(f"all blanks together{kind}", rows))
    note = (
        f'<p class="note">Probabilities at temperature {result.temperature:.3g}.</p>' if result.temperature != 1 else ""
    )
    return "\n".join(tables) + note


def _table(caption: str, rows: list[tuple[str, float]]) -> str:
    body = "".join(
        f'<tr><th scope="row"><bdi>{escape(visible(word))}</bdi></th>'
        f'<td><svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{1000 * probability:.1f}" height="10"/></svg></td><td>{100 * probability:.1f} %</td></tr>'
        for word, probability in rows
    )
    return f"<table>{f'<caption>{caption}</caption>' if caption else ''}{body}</table>"


def _warnings(result: ClozeResult) -> str:
    messages = list(dict.fromkeys(visible(warning.message) for warning in result.warnings))
    if len(messages) > WARNINGS_SHOWN:
        messages[WARNINGS_SHOWN:] = [f"There are {len(messages) - WARNINGS_SHOWN} more warnings."]
    return "".join(f'<p class="warning">{escape(message)}</p>' for message in messages)


def _structure(columns: Columns, network: NetworkConfig, context: str) -> str:
    """The picture of the whole, before its parts."""
    cell, both = network.cell.upper(), network.direction == "bidirectional" and context == "both"
    said = ["Time runs across, layers are stacked."]
    if network.cell == "mlp":
        said.append("An MLP has no memory: nothing passes from one token to the next.")
    if network.direction == "bidirectional":
        said.append(
            "Forward layers read rightwards, backward layers leftwards from the end; they do not see each other."
        )
    if both:
        said.append("A blank is predicted from the two marked states: forward before it, backward after it.")
    elif context == "both":
        said.append("A blank is predicted from the marked state before it; then all that follows is scored as well.")
    else:
        said.append("A blank is predicted from the marked state before it; what follows was not asked.")
    reads = ("forward", "backward") if both else ("forward",)
    drawing = structure_map(columns, network.n_layers, network.directions, network.cell != "mlp", reads)
    layers = f"{network.n_layers} layer{'s' * (network.n_layers > 1)} of {network.hidden_size} {cell} units"
    heading = f"<h2>The structure: {layers}, {network.direction}</h2>"
    return f'{heading}<p>{" ".join(said)}</p><div class="scroll">{drawing}</div>'


def _cells(trace: Trace, columns: Columns, network: NetworkConfig) -> str:
    """One panel a site, grouped by layer and direction."""
    parts = [
        f"<h2>Inside the {network.cell.upper()} cells</h2><p>Each column is a moment: the values once that token "
        "was read. Point at a value, or move through a map with the arrow keys, to see it in numbers.</p>"
    ]
    group = None
    for name, values in trace.sites.items():
        site = parse_site(name, network)
        if group != (group := site[:2]):
            parts.append(f"<h2>Layer {site.layer}, {site.direction}</h2>")
        parts.append(_panel(site, values, trace, columns))
    return "\n".join(parts)


def _panel(site: Site, traced: SiteTrace, trace: Trace, columns: Columns) -> str:
    activation = ACTIVATIONS[site.activation]
    heading = f"{site.activation.replace('_', ' ')} {activation.symbol}"
    least, most = float(traced.values.min()), float(traced.values.max())
    scale = max(abs(least), abs(most)) or 1.0 if site.activation == "cell_state" else 1.0
    low = 0.0 if site.activation.endswith("_gate") else -scale
    label = f"Heat map of {site}, {least:.2f} to {most:.2f}; the table below it has the values"
    head = "".join(f'<th scope="col"><bdi>{escape(visible(token.text))}</bdi></th>' for token in trace.tokens)
    meaning = f"{activation.meaning[0].upper()}{activation.meaning[1:]}."
    body = "".join(
        f'<tr><th scope="row">{unit}</th>{"".join(f"<td>{value:.3f}</td>" for value in column)}</tr>'
        for unit, column in zip(traced.units, np.asarray(traced.values).T.tolist(), strict=True)
    )
    return f"""<section class="panel"><h3>{heading}</h3>
<p class="note">{meaning} Scale {_legend(low, scale)}; here from {least:.2f} to {most:.2f}.</p>
<div class="scroll">{heat_map(columns, traced.units, traced.values, scale, label)}</div>
<output></output>
<details><summary>{site} as a table</summary><div class="scroll"><table class="values">
<thead><tr><th scope="col">unit</th>{head}</tr></thead><tbody>{body}</tbody></table></div></details></section>"""


def _legend(low: float, high: float) -> str:
    """The colours from `low` to `high`, between these numbers."""
    colours = []
    for step in range(11):
        value = low + (high - low) * step / 10
        colour, opacity = "low" if value < 0 else "high", abs(value) / high
        colours.append(f'<rect class="{colour}" fill-opacity="{opacity:.2f}" x="{12 * step}" width="12" height="12"/>')
    field = '<rect class="field" width="132" height="12"/>'
    drawing = f'<svg class="scale" width="132" height="12" aria-hidden="true">{field}{"".join(colours)}</svg>'
    return f"{low:.3g}{drawing}{high:.3g}"
