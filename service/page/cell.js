// The cell as its equations, in which every gate and state is a button that shows it in the map below.

import { byId, element } from "./element.js";
import { siteParts, words } from "./models.js";

// Strings are text, pairs are [letter, activation].
const EQUATIONS = {
  lstm: [
    ["cell state ", ["c", "cell_state"], " = ", ["f", "forget_gate"], " × c before + ", ["i", "input_gate"], " × ", ["g", "cell_candidate"]],
    ["hidden state ", ["h", "hidden_state"], " = ", ["o", "output_gate"], " × tanh(c)"],
  ],
  gru: [
    ["hidden state ", ["h", "hidden_state"], " = (1 − z) × ", ["n", "candidate"], " + ", ["z", "update_gate"], " × h before"],
    ["candidate n = tanh(input + ", ["r", "reset_gate"], " × what h before says)"],
  ],
  rnn: [["hidden state ", ["h", "hidden_state"], " = tanh(input + what h before says)"]],
  mlp: [["hidden state ", ["h", "hidden_state"], " = tanh(input): no arrow from one moment to the next"]],
};

const READ = {
  forget_gate: "Near 1 the unit keeps what its cell state held, near 0 it forgets it.",
  input_gate: "Near 1 the new candidate is written into the cell state, near 0 it is kept out.",
  cell_candidate: "What could be written into the cell state at this moment, from −1 to 1.",
  output_gate: "Near 1 the unit shows its cell state to the layer above and to the next moment, near 0 it hides it.",
  cell_state: "The unit's memory: a sum, so that what was written long ago can still be there. Not bounded by ±1.",
  update_gate: "Here z near 1 keeps the old state and z near 0 takes the new candidate (some papers turn the sign round).",
  reset_gate: "Near 0 the candidate is made from the input alone, as if nothing had been read before.",
  candidate: "What the new state would be if nothing of the old were kept, from −1 to 1.",
  hidden_state: "What the unit shows to the layer above and to its own next moment, from −1 to 1.",
};

/** The equations of this cell; `choose(activation)` is called when a letter is pressed. */
export function showCell(cell, site, choose) {
  const { activation } = siteParts(site);
  const lines = (EQUATIONS[cell] ?? []).map((parts) => element("p", {}, ...parts.map((part) => {
    if (typeof part === "string") return part;
    const [letter, name] = part;
    const button = element("button", { type: "button", title: words(name), ariaPressed: String(name === activation) }, letter);
    button.setAttribute("aria-label", `${letter}: ${words(name)}`);
    button.dataset.activation = name;
    button.addEventListener("click", () => choose(name));
    return button;
  })));
  const box = byId("equations");
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.activation : null;
  box.replaceChildren(...lines);
  if (focused) box.querySelector(`[data-activation="${focused}"]`)?.focus();
  byId("reading").textContent = `${capital(words(activation))}: ${READ[activation] ?? ""}`;
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
