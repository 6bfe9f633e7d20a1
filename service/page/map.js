// The words, coloured by evidence, and the map below them: tokens across, units down. A grid that the keyboard walks.

import { label, leaning } from "./columns.js";
import { doing } from "./edits.js";
import { element, signed, unseen } from "./element.js";

const FULL_EVIDENCE = 4; // nats from which a word's colour grows no stronger

export class GateMap {
  #columns = [];
  #weights = []; // the last known of each column: {name, weight}
  #site = null;
  #scale = 1;
  #clamped = () => null;
  #anchor = null; // where a selection began: {row, column}; row 0 is the words
  #focus = { row: 1, column: 1 };
  #isDragging = false;
  #told = null; // the cell whose value is being told: {row, column}

  /** `choose({rows, first, last})` is called with unit indices and tokens that were clicked, dragged over or entered. */
  constructor(table, { choose, point }) {
    Object.assign(this, { table, choose, point });
    table.addEventListener("pointerdown", (event) => this.#press(event));
    table.addEventListener("pointerover", (event) => this.#over(event));
    table.addEventListener("pointerleave", () => this.#tell(null));
    addEventListener("pointerup", (event) => this.#release(event));
    addEventListener("pointercancel", () => this.#drop());
    table.addEventListener("keydown", (event) => this.#key(event));
    table.addEventListener("focusin", (event) => this.#focusIn(event.target.closest("[data-row]")));
    table.addEventListener("focusout", () => this.#tell(null));
  }

  /**
   * `site`: {units, values} of the trace, or null. `scale`: the value whose colour is full.
   * `clamped(unit, column)`: the edit that holds a value, or null. Focus stays in its row and column, and so
   * does what is being told: a pointer that rests gets no new event, and a focused cell that is removed loses its focus.
   */
  show(columns, site, pair, scale, clamped) {
    this.#columns = columns;
    this.#scale = scale;
    this.#site = site;
    this.#clamped = clamped;
    this.pair = pair;
    const told = this.#told;
    const hadFocus = this.table.contains(document.activeElement);
    const head = element("tr", { role: "row" }, element("th", { scope: "col", className: "corner" }, "unit"));
    columns.forEach((column, index) => head.append(this.#word(column, index)));
    const rows = (site?.units ?? []).map((unit, index) => this.#row(unit, index));
    this.table.replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
    this.#focus.row = Math.min(this.#focus.row, rows.length);
    this.#focus.column = Math.min(this.#focus.column, columns.length - 1);
    const cell = this.#cell(this.#focus);
    if (cell) cell.tabIndex = 0;
    if (hadFocus) cell?.focus({ preventScroll: true });
    this.#tell(told);
  }

  /** Tell the value of a cell; of none where there is no such cell. */
  #tell(at) {
    const cell = at && this.#cell(at);
    this.#told = cell ? at : null;
    this.point(this.#told, cell);
  }

  #word(column, index) {
    const name = label(column.text);
    const cell = element("th", {
      scope: "col", tabIndex: -1, dataset: { row: 0, column: index },
      className: `${column.isBlank ? "blank" : ""} ${(column.evidence ?? 0) < 0 ? "second" : "first"}`,
    }, element("span", { className: "word" }, name));
    const isKnown = column.evidence !== null;
    if (isKnown) this.#weights[index] = { name, weight: leaning(column.evidence, this.pair) || "·" };
    if (this.#weights[index]?.name === name) { // unseen until the next one comes, so that the map stands still meanwhile
      const small = element("small", {}, this.#weights[index].weight);
      small.style.visibility = isKnown ? "visible" : "hidden";
      cell.append(small);
    }
    cell.style.setProperty("--strength", Math.min(1, Math.abs(column.evidence ?? 0) / FULL_EVIDENCE).toFixed(3));
    return cell;
  }

  #row(unit, index) {
    const row = element("tr", { role: "row" }, element("th", { scope: "row" }, String(unit)));
    this.#columns.forEach((column, place) => {
      const value = this.#site.values[place][index];
      const edit = this.#clamped(unit, place);
      const cell = element("td", {
        tabIndex: -1, dataset: { row: index + 1, column: place },
        className: `${value < 0 ? "low" : "high"} ${edit ? "clamped" : ""}`,
      }, unseen(`${signed(value)}${edit ? ", clamped" : ""}`));
      cell.setAttribute("role", "gridcell");
      cell.style.setProperty("--strength", Math.min(1, Math.abs(value) / this.#scale).toFixed(3));
      row.append(cell);
    });
    return row;
  }

  #cell({ row, column }) {
    return this.table.querySelector(`[data-row="${row}"][data-column="${column}"]`);
  }

  /** Where each column stands in the table's own pixels: [{left, right, centre}]. */
  places() {
    return [...this.table.querySelectorAll("thead [data-column]")].map((cell) => {
      const left = cell.offsetLeft;
      return { left, right: left + cell.offsetWidth, centre: left + cell.offsetWidth / 2 };
    });
  }

  /** The words of what a cell shows. */
  told({ row, column }) {
    const { text, evidence, belief } = this.#columns[column];
    const name = `“${label(text)}”`;
    if (row > 0) {
      const unit = this.#site.units[row - 1];
      const edit = this.#clamped(unit, column);
      return `unit ${unit} at ${name}: ${signed(this.#site.values[column][row - 1], 3)}${edit ? ` (clamped: ${doing(edit.does)})` : ""}`;
    }
    const parts = [];
    if (evidence !== null) parts.push(`log-odds ${this.pair[0]} : ${this.pair[1]} ${signed(evidence, 2)} by this token`);
    if (belief !== null) parts.push(`P(${this.pair[0]}) ${belief.toFixed(3)} if a pronoun came next`);
    return `${name}${parts.length ? `: ${parts.join("; ")}` : ""}`;
  }

  #at(target) {
    const cell = target instanceof Element ? target.closest("[data-row]") : null;
    return cell && this.table.contains(cell) ? { row: Number(cell.dataset.row), column: Number(cell.dataset.column) } : null;
  }

  #press(event) {
    const at = this.#at(event.target);
    if (!at || event.button !== 0 || !this.#site) return;
    if (event.pointerType === "mouse") event.preventDefault(); // or the words would be selected
    this.#anchor = at;
    this.#isDragging = true;
    this.#moveFocus(at);
    this.#mark(at);
  }

  #over(event) {
    const at = this.#at(event.target);
    if (!at) return;
    this.#tell(at);
    if (this.#isDragging && event.pointerType === "mouse") this.#mark(at);
  }

  #release(event) {
    if (!this.#isDragging) return;
    const at = this.#at(document.elementFromPoint(event.clientX, event.clientY));
    const isTap = event.pointerType !== "mouse";
    if (isTap ? at && this.#same(at, this.#anchor) : true) this.#take(isTap || !at ? this.#anchor : at);
    this.#drop();
  }

  #same = (one, other) => one.row === other.row && one.column === other.column;

  #drop() {
    this.#isDragging = false;
    this.#anchor = null;
    this.#mark(null);
  }

  #range(to) {
    const rows = [this.#anchor.row, to.row].sort((a, b) => a - b);
    const columns = [this.#anchor.column, to.column].sort((a, b) => a - b);
    const isWords = this.#anchor.row === 0 || to.row === 0; // over the words: all units
    return { rows: isWords ? [1, this.#site.units.length] : rows, columns };
  }

  /** Show what would be clamped. */
  #mark(to) {
    for (const cell of this.table.querySelectorAll(".marked")) cell.classList.remove("marked");
    if (!to || !this.#anchor || !this.#site) return;
    const { rows, columns } = this.#range(to);
    for (const cell of this.table.querySelectorAll("[data-row]")) {
      const { row, column } = cell.dataset;
      const isIn = row >= rows[0] && row <= rows[1] && column >= columns[0] && column <= columns[1];
      cell.classList.toggle("marked", isIn);
    }
  }

  #take(to) {
    if (!this.#site) return;
    const { rows, columns } = this.#range(to);
    const units = this.#site.units.slice(rows[0] - 1, rows[1]);
    this.choose({ units, first: columns[0], last: columns[1] });
  }

  #key(event) {
    const at = this.#at(event.target);
    if (!at) return;
    const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -1e9], End: [0, 1e9] }[event.key] ?? [0, 0];
    if (down || right) {
      event.preventDefault();
      const bound = (value, most) => Math.max(0, Math.min(most, value));
      const next = { row: bound(at.row + down, this.#site?.units.length ?? 0), column: bound(at.column + right, this.#columns.length - 1) };
      this.#anchor = event.shiftKey ? this.#anchor ?? at : null;
      this.#moveFocus(next);
      this.#mark(event.shiftKey ? next : null);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.#anchor ??= at;
      this.#take(at);
      this.#drop();
    } else if (event.key === "Escape") {
      this.#drop();
      this.#tell(null);
    }
  }

  #moveFocus(to) {
    const before = this.#cell(this.#focus);
    if (before) before.tabIndex = -1;
    this.#focus = to;
    const cell = this.#cell(to);
    cell.tabIndex = 0;
    cell.focus();
  }

  #focusIn(cell) {
    const at = this.#at(cell);
    if (at) this.#tell(at);
  }
}
