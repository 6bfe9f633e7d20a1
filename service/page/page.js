// The page at /: puts its parts together. Nothing comes from outside the service.

import { useKey } from "./api.js";
import { Asker } from "./asker.js";
import { Curves } from "./curves.js";
import { wireDownload } from "./download.js";
import { byId, percent } from "./element.js";
import { Figure } from "./figure.js";
import { Models } from "./models.js";
import { Notice } from "./notice.js";
import { Panel } from "./panel.js";
import { wireSentence } from "./sentence.js";
import { State } from "./state.js";
import { Tour } from "./tour.js";

const QUIET_MILLISECONDS = 900; // before an answer is read out, so that typing is not talked over
const RETRY_MILLISECONDS = 2000;

const state = new State();
const models = new Models();
const notice = new Notice();
const asker = new Asker(state, models, notice, show);
const panels = [0, 1].map((place) => new Panel(place, state, models));
const figure = new Figure(state, models, asker);
const curves = new Curves(figure);
const tour = new Tour(state, models, figure);
wireSentence(state, asker);
wireDownload(state, figure);
byId("key").addEventListener("input", (event) => {
  useKey(event.target.value);
  asker.askSoon();
});

let speaking = 0;

function show(place) {
  panels[place].show(asker.answers[place]);
  figure.show();
  curves.show();
  byId("panels").classList.toggle("alone", state.values.models[1] === "none");
  clearTimeout(speaking);
  speaking = setTimeout(() => { byId("spoken").textContent = spoken(); }, QUIET_MILLISECONDS);
}

function spoken() {
  return asker.answers.filter((answer) => answer.result).map(({ model, result }) =>
    `${model}: ${result.blanks.map(({ predictions: [best] }) => `${best.filled}, ${percent(best.probability)}`).join("; ")}.`).join(" ");
}

async function start() {
  try {
    await models.load();
  } catch (error) {
    notice.failed(error, RETRY_MILLISECONDS / 1000);
    setTimeout(start, RETRY_MILLISECONDS);
    return;
  }
  const settle = () => {
    const pair = models.pair(state.values.models);
    state.change({ models: pair, ...(pair[1] === "none" && { shown: 0 }) });
  };
  settle();
  state.listen((_, changed) => { if (changed.has("models")) settle(); });
  panels.forEach((panel) => panel.showChoice());
  tour.ready();
  asker.ask();
}

start();
