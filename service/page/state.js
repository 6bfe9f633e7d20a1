// What the page shows, as one object, and how an address spells it. Knows no element of the page.

const STORED = "anaphora page";

export const DEFAULTS = Object.freeze({
  text: "Mary packed her bag because ___ was leaving.",
  targets: "",
  context: "both",
  models: Object.freeze(["", ""]), // names; filled in once the service has said which it has
  shown: 0, // which of the two models is looked into
  site: "",
  rows: 12, // units in the map
  brush: "set=0", // what a click in the map does
  edits: Object.freeze([]), // {model, site, units: [..] | "all", first, last, does: "set=0" | "scale=0.5" | "freeze"}
  tour: 0, // the step, from 1; 0 is no tour
});

export const DOES = /^(freeze|(set|scale)=-?\d{1,6}(\.\d{1,6})?)$/;
const MOST_EDITS = 256; // what a stranger's address may make the page hold: edits, and units of one edit
const MOST_UNITS = 4096;
const SITE = /^[a-z0-9_]+(\.[a-z0-9_]+)*$/;

/** The state as the part of an address after #; what stands at its default is left out. */
export function toAddress(state) {
  const spelled = new URLSearchParams();
  spelled.set("text", state.text);
  for (const name of ["targets", "context", "shown", "site", "rows", "brush", "tour"]) {
    if (state[name] !== DEFAULTS[name]) spelled.set(name, state[name]);
  }
  if (state.models.some(Boolean)) spelled.set("models", state.models.join(","));
  for (const edit of state.edits) spelled.append("edit", spellEdit(edit));
  return spelled.toString();
}

/** The state that an address spells; what it does not name, or names wrongly, is at its default. */
export function fromAddress(address) {
  const spelled = new URLSearchParams(address.replace(/^#/, ""));
  const state = { ...DEFAULTS };
  if (spelled.has("text")) state.text = spelled.get("text");
  if (spelled.has("targets")) state.targets = spelled.get("targets");
  if (spelled.get("context") === "left") state.context = "left";
  if (spelled.get("shown") === "1") state.shown = 1;
  if (SITE.test(spelled.get("site") ?? "")) state.site = spelled.get("site");
  if (DOES.test(spelled.get("brush") ?? "")) state.brush = spelled.get("brush");
  state.rows = wholeNumber(spelled.get("rows"), 1, 64) ?? DEFAULTS.rows;
  state.tour = wholeNumber(spelled.get("tour"), 0, 6) ?? 0;
  const names = (spelled.get("models") ?? "").split(",").slice(0, 2);
  state.models = [names[0] ?? "", names[1] ?? ""];
  state.edits = spelled.getAll("edit").slice(0, MOST_EDITS).map(readEdit).filter(Boolean);
  return state;
}

// As on the command line, SITE:UNITS:FIRST-LAST:set=0, with the model behind.
const spellEdit = (edit) => `${editInOneWord(edit)}@${edit.model}`;

/** An edit as `anaphora fill --intervene` takes it. */
export const editInOneWord = ({ site, units, first, last, does }) => `${site}:${spellUnits(units)}:${first}-${last}:${does}`;

function readEdit(spelled) {
  const found = /^([a-z0-9_.]+):(all|\d{1,5}(?:[-,]\d{1,5})*):(\d{1,5})-(\d{1,5}):([a-z]+(?:=[-.\d]+)?)@(.+)$/.exec(spelled);
  if (!found || !DOES.test(found[5])) return null;
  const [, site, , first, last, does, model] = found;
  const units = readUnits(found[2]);
  return units.length ? { model, site, units, first: Number(first), last: Number(last), does } : null;
}

/** [3, 17, 4, 5, 6] as "3,17,4-6". */
function spellUnits(units) {
  if (units === "all") return units;
  const runs = [];
  for (const unit of units) {
    const run = runs.at(-1);
    if (run && unit === run[1] + 1) run[1] = unit;
    else runs.push([unit, unit]);
  }
  return runs.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(",");
}

/** "3,17,4-6" as [3, 17, 4, 5, 6], each once; empty where there are more than an edit may have. */
function readUnits(spelled) {
  if (spelled === "all") return spelled;
  const units = new Set();
  for (const run of spelled.split(",")) {
    const [first, last = first] = run.split("-").map(Number);
    if (last - first >= MOST_UNITS) return [];
    for (let unit = first; unit <= last; unit += 1) units.add(unit);
    if (units.size > MOST_UNITS) return [];
  }
  return [...units];
}

function wholeNumber(spelled, least, most) {
  const value = /^\d{1,6}$/.test(spelled ?? "") ? Number(spelled) : NaN;
  return value >= least && value <= most ? value : null;
}

/** The state with its listeners. Every change is kept in the address and in the browser, so that nothing is lost. */
export class State {
  #listeners = [];
  #written = "";
  #timer = 0;

  constructor() {
    this.values = fromAddress(begun());
    addEventListener("hashchange", () => {
      if (location.hash.slice(1) !== this.#written) this.change(fromAddress(location.hash));
    });
    addEventListener("pagehide", () => this.#write());
    keep(toAddress(this.values)); // or a reload would bring back what this tab showed before
  }

  /** `listener(values, changed)` is called after every change; `changed` holds the names of what changed. */
  listen(listener) {
    this.#listeners.push(listener);
  }

  change(patch) {
    const changed = new Set(Object.keys(patch).filter((name) => JSON.stringify(patch[name]) !== JSON.stringify(this.values[name])));
    if (!changed.size) return;
    this.values = { ...this.values, ...patch };
    keep(toAddress(this.values));
    clearTimeout(this.#timer); // browsers refuse an address that changes more than some 100 times in 30 seconds
    this.#timer = setTimeout(() => this.#write(), 300);
    for (const listener of this.#listeners) listener(this.values, changed);
  }

  /** The whole address of what is shown now. */
  get address() {
    this.#write();
    return location.href;
  }

  #write() {
    this.#written = toAddress(this.values);
    if (location.hash.slice(1) !== this.#written) history.replaceState(null, "", `#${this.#written}`);
  }
}

/** What the page begins with: the tab's last state after a reload, else the address, else the last visit's state. */
function begun() {
  const isReload = performance.getEntriesByType("navigation")[0]?.type === "reload";
  const kept = isReload ? stored("sessionStorage") : null; // the address may be a moment behind
  return kept ?? (location.hash.length > 1 ? location.hash : stored("localStorage") ?? "");
}

// A browser may forbid storage; the page works without.
function stored(kind) {
  try {
    return globalThis[kind].getItem(STORED);
  } catch {
    return null;
  }
}

function keep(address) {
  try {
    localStorage.setItem(STORED, address);
    sessionStorage.setItem(STORED, address);
  } catch { /* nothing is kept beyond the address */ }
}
