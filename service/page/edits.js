// The edits of one call: what a click in the map does, and the list of what has been done, each with its way back.

import { byId, element } from "./element.js";
import { DOES } from "./state.js";

/** "set=0" in words: "set to 0". */
export function doing(does) {
  const [verb, number] = does.split("=");
  return { set: `set to ${number}`, scale: `times ${number}`, freeze: "as it was before" }[verb];
}

/** The edit that holds this unit of this site at this token; null if none does. The latest wins. */
export function editAt(edits, model, site, unit, token) {
  return edits.findLast((edit) => edit.model === model && edit.site === site && (edit.units === "all" || edit.units.includes(unit))
    && edit.first <= token && token <= edit.last) ?? null;
}

/** The edits after a click: a single clamped cell is let go, anything else is clamped. */
export function withEdit(edits, model, site, { units, first, last }, does) {
  const before = units.length === 1 && first === last ? editAt(edits, model, site, units[0], first) : null;
  if (before) return edits.filter((edit) => edit !== before);
  return [...edits, { model, site, units, first, last, does }];
}

/** A number as an address spells it: with six decimals at most, where String() alone may say 1e-7. */
const spelled = (number) => number && String(Number(Number(number).toFixed(6)));

export function wireEdits(state) {
  const verb = byId("brush-verb");
  const number = byId("brush-number");
  const read = () => {
    number.disabled = verb.value === "freeze";
    const brush = verb.value === "freeze" ? "freeze" : `${verb.value}=${spelled(number.value)}`;
    if (DOES.test(brush)) state.change({ brush });
  };
  verb.addEventListener("change", read);
  number.addEventListener("input", read);
  byId("clear").addEventListener("click", () => {
    state.change({ edits: [] });
    byId("map").querySelector("[tabindex='0']")?.focus(); // the button is gone with the edits
  });
  const show = ({ brush }) => {
    const [does, value] = brush.split("=");
    verb.value = does;
    number.disabled = does === "freeze";
    if (value !== undefined && Number(number.value) !== Number(value)) number.value = value;
  };
  state.listen(show);
  show(state.values);
}

/** An edit in words: site, units, tokens, and what it does. */
export function toldOf(edit, tokens) {
  const span = (tokens[edit.first] ?? `token ${edit.first}`) + (edit.last > edit.first ? `” to “${tokens[edit.last] ?? `token ${edit.last}`}` : "");
  return `${edit.site}, ${unitsOf(edit)}, at “${span}”: ${doing(edit.does)}`;
}

/** `tokens`: labels of the shown text's columns, by which an edit's place is told. */
export function showEdits(state, error, tokens) {
  const { edits } = state.values;
  const list = byId("edit-list");
  const focused = [...list.querySelectorAll("button")].indexOf(document.activeElement);
  byId("edit-error").textContent = error;
  byId("edits").hidden = !edits.length;
  list.replaceChildren(...edits.map((edit) => {
    const told = `${edit.model}, ${toldOf(edit, tokens)}`;
    const remove = element("button", { type: "button", ariaLabel: `Undo: ${told}` }, "undo");
    remove.addEventListener("click", (event) => {
      if (event.detail > 1) return; // the second half of a double click, which falls on the next clamp's button
      state.change({ edits: state.values.edits.filter((other) => other !== edit) });
    });
    return element("li", {}, `${told} `, remove);
  }));
  if (focused >= 0) (list.querySelectorAll("button")[focused] ?? byId("map").querySelector("[tabindex='0']"))?.focus();
}

function unitsOf({ units }) {
  if (units === "all") return "all units";
  if (units.length === 1) return `unit ${units[0]}`;
  return `${units.length} units (${units.slice(0, 4).join(", ")}${units.length > 4 ? " …" : ""})`;
}
