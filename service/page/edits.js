// The edits of one call: what a click in the map does, and the list of what has been done, each with its way back.

import { byId, element } from "./element.js";

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

export function wireEdits(state) {
  const verb = byId("brush-verb");
  const number = byId("brush-number");
  const read = () => {
    number.disabled = verb.value === "freeze";
    if (verb.value === "freeze") state.change({ brush: "freeze" });
    else if (number.value !== "" && number.validity.valid) state.change({ brush: `${verb.value}=${Number(number.value)}` });
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
  byId("edit-error").textContent = error;
  byId("edits").hidden = !edits.length;
  byId("edit-list").replaceChildren(...edits.map((edit, index) => {
    const told = `${edit.model}, ${toldOf(edit, tokens)}`;
    const remove = element("button", { type: "button", ariaLabel: `Undo: ${told}` }, "undo");
    remove.addEventListener("click", () => {
      state.change({ edits: state.values.edits.filter((_, other) => other !== index) });
      (byId("edit-list").querySelectorAll("button")[index] ?? byId("map").querySelector("[tabindex='0']"))?.focus();
    });
    return element("li", {}, `${told} `, remove);
  }));
}

function unitsOf({ units }) {
  if (units === "all") return "all units";
  if (units.length === 1) return `unit ${units[0]}`;
  return `${units.length} units (${units.slice(0, 4).join(", ")}${units.length > 4 ? " …" : ""})`;
}
