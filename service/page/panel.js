// One of the two models: its choice, the filled sentence, the probabilities, before and after an edit.

import { byId, element, percent, unseen } from "./element.js";
import { filledParts } from "./filling.js";
import { described } from "./models.js";

const MOST_WARNINGS = 5;

export class Panel {
  constructor(place, state, models) {
    Object.assign(this, { place, state, models });
    this.select = byId(`model-${place}`);
    this.select.addEventListener("change", () => {
      const chosen = [...state.values.models];
      const other = 1 - place;
      if (chosen[other] === this.select.value) chosen[other] = chosen[place]; // they change places
      chosen[place] = this.select.value;
      state.change({ models: chosen, ...(chosen[1] === "none" && { shown: 0 }) });
    });
    state.listen(() => this.showChoice());
  }

  /** The list of models, once the service has said which it has. */
  showChoice() {
    const { models: chosen } = this.state.values;
    const names = this.models.list.map((model) => model.id);
    if (this.place === 1) names.push("none");
    const options = names.map((name) => element("option", { value: name }, name === "none" ? "no second model" : name));
    if (this.select.options.length !== options.length) this.select.replaceChildren(...options);
    this.select.value = chosen[this.place];
    const network = this.models.network(chosen[this.place]);
    byId(`about-${this.place}`).textContent = network ? described(network) : "";
  }

  show(answer) {
    const at = (part) => byId(`${part}-${this.place}`);
    at("error").textContent = answer.error;
    const { result } = answer;
    if (result && result === this.shown) return; // only evidence or belief has come
    this.shown = result;
    at("answer").hidden = !result;
    if (!result) return;
    at("said").replaceChildren(...saidOf(result));
    const before = answer.editError ? null : result.without_interventions;
    at("blanks").replaceChildren(...result.blanks.map((blank, number) =>
      predictions(blank, before?.[number], answer.pair, result.blanks.length > 1 ? `Blank ${number + 1}` : "")));
    at("joint").textContent = result.joint ? together(result) : "";
    at("warnings").replaceChildren(...warningsOf(result).map((message) => element("li", {}, message)));
  }
}

/** Each warning once, those about the words to choose from first; of a text in another script only the first few. */
function warningsOf({ warnings }) {
  const ordered = [...warnings].sort((one, other) => (other.type === "unknown_target") - (one.type === "unknown_target"));
  const messages = [...new Set(ordered.map(({ message }) => message))];
  const nMore = messages.length - MOST_WARNINGS;
  return nMore > 1 ? [...messages.slice(0, MOST_WARNINGS), `And ${nMore} more like this.`] : messages;
}

const saidOf = (result) => filledParts(result).map((part, index) => (index % 2 ? element("mark", {}, part) : part));

/** Two words keep their places, so that the bars move and the words do not; more come most probable first. */
function predictions(blank, before, pair, caption) {
  const table = element("table", { className: "predictions" });
  if (caption) table.append(element("caption", {}, caption));
  const place = ({ target }) => pair.indexOf(target);
  const isPair = blank.predictions.length === 2 && blank.predictions.every((one) => place(one) >= 0);
  const ordered = isPair ? [...blank.predictions].sort((one, other) => place(one) - place(other)) : blank.predictions;
  ordered.forEach((prediction) => {
    const was = before?.predictions.find((one) => one.target === prediction.target);
    const bar = element("div", { className: "bar" }, element("div", { className: "filling" }));
    bar.style.setProperty("--share", prediction.probability.toFixed(4));
    if (was) {
      bar.append(element("div", { className: "before" }));
      bar.style.setProperty("--before", was.probability.toFixed(4));
    }
    const number = element("td", { className: "number" }, percent(prediction.probability));
    if (was) number.append(element("small", {}, unseen(", "), `was ${percent(was.probability)}`));
    const side = isPair ? ["first", "second"][place(prediction)] : "";
    const best = prediction === blank.predictions[0] ? "best" : "";
    table.append(element("tr", { className: `${side} ${best}` },
      element("th", { scope: "row" }, prediction.filled), element("td", { className: "bar-cell" }, bar), number));
  });
  return table;
}

function together(result) {
  const best = result.joint[0];
  const kind = result.joint_kind === "pseudo" ? ", each blank judged given the others" : "";
  return `Together: ${best.filled.join(" … ")}, ${percent(best.probability)}${kind}.`;
}
