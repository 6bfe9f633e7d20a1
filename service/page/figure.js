// Looking into one of the two models: structure, belief, words and map over the same columns, and what chooses them.

import { drawBelief } from "./belief.js";
import { showCell } from "./cell.js";
import { columnsOf, label } from "./columns.js";
import { editAt, showEdits, wireEdits, withEdit } from "./edits.js";
import { byId, element, percent } from "./element.js";
import { GateMap } from "./map.js";
import { isGate, ranksUnits, siteParts } from "./models.js";
import { drawStructure } from "./structure.js";

export class Figure {
  shown = null; // {answer, other, columns, site, traced, pair} of what is drawn; null before the first answer

  constructor(state, models, asker) {
    Object.assign(this, { state, models, asker });
    this.map = new GateMap(byId("map"), { choose: (chosen) => this.#clamp(chosen), point: (at, cell) => this.#point(at, cell) });
    wireEdits(state);
    state.listen(() => this.#showEdits());
    for (const place of [0, 1]) byId(`look-${place}`).addEventListener("change", () => state.change({ shown: place }));
    byId("stack").addEventListener("change", (event) => {
      const [layer, direction] = event.target.value.split(".");
      this.#choose({ layer: Number(layer.slice(5)), direction });
    });
    byId("rows").addEventListener("change", (event) => state.change({ rows: Number(event.target.value) }));
    // The words have another width once fonts or the window change; the drawings follow them.
    new ResizeObserver(() => this.#draw()).observe(byId("map"));
    addEventListener("keydown", (event) => { if (event.key === "Escape") this.#point(null); });
  }

  /** Whether the model that is drawn is the one that is chosen; for a moment it is the one chosen before. */
  get showsChosen() {
    const { models: names, shown } = this.state.values;
    return this.shown?.answer.model === names[shown];
  }

  /** Draw the model that is looked into; until its trace is there, what was drawn before stays. */
  show() {
    const { models: names, shown } = this.state.values;
    for (const place of [0, 1]) {
      byId(`look-${place}`).checked = shown === place;
      byId(`look-name-${place}`).textContent = names[place];
      byId(`look-name-${place}`).parentElement.hidden = names[place] === "none";
    }
    const answer = { ...this.asker.answers[shown] }; // a copy: what is drawn does not change with the next reply
    const { site, pair } = answer;
    const traced = answer.result?.trace?.sites[site];
    if (traced) {
      const other = this.asker.answers[1 - shown];
      this.shown = { answer, other, columns: columnsOf(answer, other), site, traced, pair };
    } else if (answer.error) {
      this.shown = null;
    }
    byId("inside").hidden = !this.shown;
    if (traced) this.#showParts();
  }

  #showParts() {
    const { answer, columns, site, traced, pair } = this.shown;
    this.#showChoices();
    byId("shown-answer").replaceChildren(...answersOf(answer));
    const scale = scaleOf(site, traced.values);
    this.map.show(columns, traced, pair, scale, (unit, token) =>
      (answer.editError ? null : editAt(this.state.values.edits, answer.model, site, unit, token)));
    this.#showEdits();
    byId("evidence-error").textContent = answer.evidenceError;
    byId("belief-error").textContent = answer.beliefError;
    byId("scale").textContent = isGate(site) ? "0 shut, 1 open" : `violet above 0, green below; full colour at ±${scale.toFixed(1)}`;
    byId("order").textContent = ranksUnits(answer.card, site) ? "the units most selective for gender first" : "the units that move most first";
    for (const [id, word] of [["first-word", 0], ["second-word", 1]]) byId(id).textContent = pair[word];
    this.#draw();
  }

  /** At once when one is made or undone, too: a list of what was is not to be clicked. */
  #showEdits() {
    if (this.shown) showEdits(this.state, this.shown.answer.editError, this.shown.columns.map((column) => label(column.text)));
  }

  #showChoices() {
    const { answer, site } = this.shown;
    const { rows } = this.state.values;
    const network = this.models.network(answer.model);
    const { layer, direction } = siteParts(site);
    const stacks = this.models.directions(answer.model).flatMap((reading) =>
      Array.from({ length: network.n_layers }, (_, index) => [`layer${index}.${reading}`, `layer${index}, reading ${reading}`]));
    const list = byId("stack");
    if ([...list.options].map((option) => option.value).join() !== stacks.map(([value]) => value).join()) {
      list.replaceChildren(...stacks.map(([value, name]) => element("option", { value }, name)));
    }
    list.value = `layer${layer}.${direction}`;
    const counts = byId("rows");
    if (![...counts.options].some((option) => Number(option.value) === rows)) counts.append(element("option", { value: rows }, String(rows)));
    counts.value = rows;
    showCell(network.cell, site, (activation) => this.#choose({ activation }));
  }

  #choose(parts) {
    const { models: names, shown, site } = this.state.values; // not the answer's site: two choices may come before it
    const { layer, direction, activation } = { ...siteParts(this.models.nearestSite(names[shown], site)), ...parts };
    this.state.change({ site: `layer${layer}.${direction}.${activation}` });
  }

  #draw() {
    const places = this.map.places();
    if (!this.shown || !places.length || !places[0].right) return;
    const { answer, other, columns, site, pair } = this.shown;
    drawStructure(byId("structure"), columns, places, this.models.network(answer.model), site, (parts) => this.#choose(parts));
    const hasNoBelief = Boolean(answer.beliefError); // while it is still to come it has its place, so that the map stands still
    byId("belief").toggleAttribute("hidden", hasNoBelief); // an SVG has no property of that name
    byId("belief-note").hidden = hasNoBelief;
    if (!hasNoBelief) drawBelief(byId("belief"), columns, places, pair, [answer.model, other.model]);
    const hasOther = columns.some((column) => column.otherBelief !== null);
    byId("other-belief").textContent = hasOther ? ` The dashed line is ${other.model}'s.` : "";
  }

  #clamp(chosen) {
    const { edits, brush } = this.state.values;
    this.state.change({ edits: withEdit(edits, this.shown.answer.model, this.shown.site, chosen, brush) });
  }

  /** Show the value of a cell beside it, or hide it. */
  #point(at, cell) {
    const tip = byId("tip");
    tip.hidden = !at;
    if (!at) return;
    tip.textContent = this.map.told(at);
    const box = byId("figure");
    const left = cell.offsetLeft + byId("map").offsetLeft;
    const view = box.parentElement;
    const most = view.scrollLeft + view.clientWidth - tip.offsetWidth - 4;
    tip.style.left = `${Math.max(view.scrollLeft, Math.min(left, most))}px`;
    tip.style.top = `${byId("map").offsetTop + cell.offsetTop - tip.offsetHeight - 6}px`;
  }
}

/** The best word of each blank and its probability, before and after an edit; the panels above say it in full. */
function answersOf({ result, editError }) {
  return result.blanks.map(({ predictions: [best] }, index) => {
    const was = editError ? null : result.without_interventions?.[index].predictions.find((one) => one.target === best.target);
    return element("b", {}, `${best.filled} ${percent(best.probability)}`, ...(was ? [` (was ${percent(was.probability)})`] : []));
  });
}

/** The value whose colour is full: 1, but the largest of a cell state, which has no bound. */
function scaleOf(site, values) {
  return site.endsWith("cell_state") ? Math.max(1, ...values.flat().map(Math.abs)) : 1;
}
