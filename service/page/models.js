// The served models: their list, their cards, and what the page needs to know of a site.

import { fetchJson } from "./api.js";

export const ACTIVATIONS = {
  lstm: ["input_gate", "forget_gate", "cell_candidate", "output_gate", "cell_state", "hidden_state"],
  gru: ["reset_gate", "update_gate", "candidate", "hidden_state"],
  rnn: ["hidden_state"],
  mlp: ["hidden_state"],
};

const ALIKE = ["direction", "vocabulary_size", "n_layers", "hidden_size"];
const FIRST_SHOWN = { lstm: "forget_gate", gru: "update_gate" };

/** Where another cell has something that plays the same part. */
const COUNTERPARTS = {
  forget_gate: "update_gate", update_gate: "forget_gate", cell_candidate: "candidate", candidate: "cell_candidate",
  cell_state: "hidden_state", input_gate: "update_gate", output_gate: "hidden_state", reset_gate: "output_gate",
};

export const words = (activation) => activation.replaceAll("_", " ");

export class Models {
  list = [];
  #cards = new Map();

  async load() {
    this.list = (await fetchJson("v1/models")).data;
    if (!this.list.length) throw new Error("The service serves no model yet.");
  }

  has(name) {
    return this.list.some((model) => model.id === name);
  }

  /** The network of a served model: cell, n_layers, direction, hidden_size. */
  network(name) {
    return this.list.find((model) => model.id === name)?.network;
  }

  get #default() {
    return this.list.find((model) => model.default) ?? this.list[0];
  }

  /** The served models, those first that read as the default does: only then do two differ by their cells alone. */
  get #byLikeness() {
    const { network } = this.#default;
    const likeness = (model) => ALIKE.filter((size) => model.network[size] === network[size]).length;
    return this.list.toSorted((one, other) => likeness(other) - likeness(one));
  }

  /** The served model with this cell that is most like the default; undefined if there is none. */
  withCell(cell) {
    return this.#byLikeness.find((model) => model.network.cell === cell)?.id;
  }

  /** The two to show: those wanted if they are served, else the default and one with another cell. */
  pair([first, second]) {
    const one = this.has(first) ? first : this.#default.id;
    if (this.has(second) && second !== one) return [one, second];
    if (second === "none") return [one, "none"];
    const others = this.#byLikeness.filter((model) => model.id !== one);
    const other = others.find((model) => model.network.cell !== this.network(one).cell) ?? others[0];
    return [one, other?.id ?? "none"];
  }

  /** Everything that GET /v1/models/NAME tells; asked once. */
  async card(name) {
    if (!this.#cards.has(name)) {
      const asked = fetchJson(`v1/models/${encodeURIComponent(name)}`);
      asked.catch(() => this.#cards.delete(name));
      this.#cards.set(name, asked);
    }
    return this.#cards.get(name);
  }

  directions(name) {
    return this.network(name).direction === "bidirectional" ? ["forward", "backward"] : ["forward"];
  }

  /** The site of this model nearest to `site`, which may be another model's or "". */
  nearestSite(name, site) {
    const { cell, n_layers: nLayers } = this.network(name);
    const { layer, direction, activation } = siteParts(site);
    const known = ACTIVATIONS[cell] ?? ["hidden_state"];
    const nearest = [activation, COUNTERPARTS[activation], FIRST_SHOWN[cell]].find((one) => known.includes(one)) ?? "hidden_state";
    const reading = this.directions(name).includes(direction) ? direction : "forward";
    return `layer${Math.min(layer, nLayers - 1)}.${reading}.${nearest}`;
  }
}

/** {layer, direction, activation} of a site's name; the last forward layer's if there is none. */
export function siteParts(site) {
  const [stack = "", direction = "forward", activation = ""] = site.split(".");
  const layer = /^layer\d+$/.test(stack) ? Number(stack.slice(5)) : 99;
  return { layer, direction, activation };
}

/** Whether a model's card ranks the units of the site's stack by gender. */
export const ranksUnits = (card, site) => site.split(".", 2).join(".") in (card.gender_units ?? {});

export const isGate = (site) => site.endsWith("_gate");

/** A network in words: "LSTM, 2 layers of 256 units, reading both ways". */
export function described({ cell, n_layers: nLayers, hidden_size: nUnits, direction }) {
  const reading = direction === "bidirectional" ? "reading both ways" : "reading left to right";
  const name = { lstm: "LSTM", gru: "GRU", rnn: "plain RNN", mlp: "network without memory" }[cell] ?? cell;
  return `${name}, ${nLayers} ${nLayers === 1 ? "layer" : "layers"} of ${nUnits} units, ${reading}`;
}
