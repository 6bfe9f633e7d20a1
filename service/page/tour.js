// The guided tour: a card that walks through the steps, sets the page to each, and gives back what stood there before.

import { byId, element } from "./element.js";
import { fromAddress, toAddress } from "./state.js";
import { stepsFor } from "./steps.js";

const BEFORE = "anaphora before the tour";

export class Tour {
  #steps = [];
  #before = null;

  constructor(state, models, figure) {
    Object.assign(this, { state, models, figure });
    byId("tour-start").addEventListener("click", () => this.#begin());
    byId("tour-next").addEventListener("click", () => this.#go(state.values.tour + 1));
    byId("tour-back").addEventListener("click", () => this.#go(state.values.tour - 1));
    byId("tour-end").addEventListener("click", () => this.#end());
    byId("tour").addEventListener("keydown", (event) => { if (event.key === "Escape") this.#end(); });
    state.listen((_, changed) => { if (changed.has("tour")) this.show(); });
  }

  /** Once the models are known: the step that the address names, with the rest as the address has it. */
  ready() {
    this.#steps = stepsFor(this.models);
    byId("tour-start").disabled = false;
    this.show();
  }

  #begin() {
    const isUnderWay = this.state.values.tour > 0; // then what stands there now is the tour's
    this.#before = (isUnderWay ? this.#kept : null) ?? toAddress({ ...this.state.values, tour: 0 });
    try {
      sessionStorage.setItem(BEFORE, this.#before); // a reload in the middle does not lose it
    } catch { /* then only until a reload */ }
    this.#go(1);
  }

  #go(step) {
    if (step < 1 || step > this.#steps.length) {
      this.#end();
      return;
    }
    this.state.change({ ...this.#steps[step - 1].show, tour: step });
    byId("tour").scrollTop = 0;
    byId("tour-title").focus({ preventScroll: true });
    this.#look(this.#steps[step - 1].look);
  }

  /** The address of what stood there before the tour; null where nothing was kept. */
  get #kept() {
    try {
      return this.#before ?? sessionStorage.getItem(BEFORE);
    } catch {
      return null;
    }
  }

  #end() {
    const before = this.#kept;
    try {
      sessionStorage.removeItem(BEFORE);
    } catch { /* nothing was kept */ }
    this.#before = null;
    this.state.change({ ...(before === null ? {} : fromAddress(before)), tour: 0 });
    byId("tour-start").focus();
  }

  show() {
    const { tour } = this.state.values;
    const step = this.#steps[tour - 1];
    byId("tour").hidden = !step;
    document.body.classList.toggle("touring", Boolean(step));
    for (const looked of document.querySelectorAll(".looked-at")) looked.classList.remove("looked-at");
    if (!step) return;
    byId(step.look).classList.add("looked-at");
    byId("tour-place").textContent = `Step ${tour} of ${this.#steps.length}`;
    byId("tour-title").textContent = step.title;
    byId("tour-text").replaceChildren(...step.paragraphs.map((paragraph) => element("p", {}, paragraph)));
    byId("tour-tries").replaceChildren(...step.tries.map(({ name, change }) => {
      const button = element("button", { type: "button" }, name);
      button.addEventListener("click", () => { if (this.figure.showsChosen) this.state.change(change(this.figure)); });
      return button;
    }));
    byId("tour-back").disabled = tour === 1;
    byId("tour-next").textContent = tour === this.#steps.length ? "Finish" : "Next";
  }

  #look(id) {
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    // What is looked at may be hidden until the first answer is there.
    setTimeout(() => byId(id).scrollIntoView({ block: "center", behavior: isStill ? "auto" : "smooth" }), 200);
  }
}
