// Puts the page's questions to the service while one types: not before a pause, never an answer that is out of date.

import { fetchJson, Refusal } from "./api.js";
import { filledParts } from "./filling.js";
import { ranksUnits } from "./models.js";

const SHORTEST_PAUSE = 30; // milliseconds
const LONGEST_PAUSE = 500;
const SECOND_PAUSE = 150; // before evidence and belief, which cost more: the next letter shall not find the service busy
const RETRY_SECONDS = [1, 2, 4, 8, 15];

/** "he, she" for every blank; "he, she; his, her" one list a blank; null where nothing is said. */
export function targetsOf(line) {
  const lists = line.split(";").map((part) => part.split(",").map((word) => word.trim()).filter(Boolean));
  if (!lists.some((list) => list.length)) return null;
  return lists.length === 1 ? lists[0] : lists;
}

/** What is known about one of the two models: its replies, or the sentences that came in their place. */
class Answer {
  model = "";
  card = null;
  result = null;
  error = "";
  edits = []; // those that the result was read with
  interventions = []; // the same as the service takes them
  editError = "";
  site = "";
  evidence = null;
  evidenceError = "";
  belief = null;
  beliefError = "";
  pair = [];
  asked = { evidence: "", belief: "" };
}

export class Asker {
  answers = [new Answer(), new Answer()];
  #notBuilt = new Map(); // a part of the API that this service lacks, and its sentence
  #running = new AbortController();
  #timer = 0;
  #pause = SHORTEST_PAUSE;
  #nFailures = 0;

  /** `show(place)` is called when answers[place] has changed. */
  constructor(state, models, notice, show) {
    Object.assign(this, { state, models, notice, show });
    state.listen((_, changed) => {
      if (changed.size > 1 || !(changed.has("brush") || changed.has("tour"))) this.askSoon();
    });
    addEventListener("online", () => this.askSoon());
  }

  /** Ask once nothing has changed for a moment; what is being asked already is dropped at once. */
  askSoon(milliseconds = this.#pause) {
    this.#running.abort();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.ask(), milliseconds);
  }

  async ask() {
    clearTimeout(this.#timer);
    this.#running.abort();
    const { signal } = (this.#running = new AbortController());
    const startedAt = performance.now();
    this.notice.waiting();
    const outcomes = await Promise.allSettled([0, 1].map((place) => this.#askModel(place, signal)));
    if (signal.aborted) return;
    const failure = outcomes.map((outcome) => outcome.reason).find((reason) => reason?.isPassing);
    if (failure) {
      this.#retry(failure);
      return;
    }
    this.#nFailures = 0;
    this.#pause = Math.min(LONGEST_PAUSE, Math.max(SHORTEST_PAUSE, (performance.now() - startedAt) / 2));
    this.notice.answered();
    await new Promise((done) => { setTimeout(done, SECOND_PAUSE); });
    if (signal.aborted) return;
    await Promise.allSettled([0, 1].flatMap((place) => [this.#askBelief(place, signal), this.#askEvidence(place, signal)]));
  }

  #retry(failure) {
    const seconds = failure.retrySeconds || RETRY_SECONDS[Math.min(this.#nFailures, RETRY_SECONDS.length - 1)];
    this.#nFailures += 1;
    this.notice.failed(failure, seconds);
    this.askSoon(1000 * seconds);
  }

  async #askModel(place, signal) {
    const { values } = this.state;
    const answer = this.answers[place];
    const name = values.models[place];
    if (!this.models.has(name)) {
      this.answers[place] = new Answer();
      this.show(place);
      return;
    }
    if (answer.model !== name) this.answers[place] = Object.assign(new Answer(), { model: name });
    const now = this.answers[place];
    try {
      now.card ??= await this.models.card(name);
      const { question, site, edits } = this.#question(place, now.card);
      const { reply, editError } = await this.#clozeOf(question, signal);
      if (signal.aborted) return;
      const { interventions = [] } = question;
      const read = editError ? { edits: [], interventions: [] } : { edits, interventions };
      Object.assign(now, { result: reply.results[0], site, error: "", ...read, editError, pair: this.#pairOf(now.card) });
      this.#dropStale(now);
    } catch (error) {
      if (signal.aborted) return;
      if (error.isPassing) throw error; // the last answer stays while the service is away
      Object.assign(now, { error: error.message, result: null, belief: null, evidence: null });
      now.asked = { evidence: "", belief: "" };
      if (error.status === 401) this.notice.askForKey();
    }
    this.show(place);
  }

  #question(place, card) {
    const { text, targets, context, models, shown, site, rows, edits } = this.state.values;
    const mine = edits.filter((edit) => edit.model === models[place]);
    const wanted = this.models.nearestSite(models[place], site);
    const question = { text, targets: targetsOf(targets), context, model: models[place] };
    if (shown === place) {
      const order = ranksUnits(card, wanted) ? "gender" : "top";
      question.trace = { sites: [wanted], units: `${order}:${rows}` };
    }
    if (mine.length) {
      question.interventions = mine.map(({ site: at, units, first, last, does }) => {
        const [verb, number] = does.split("=");
        return { site: at, units, tokens: [first, last], [verb]: verb === "freeze" ? true : Number(number) };
      });
    }
    return { question, site: wanted, edits: mine };
  }

  /** The reply; without the edits, and with the sentence that says why, where they are refused. */
  async #clozeOf(question, signal) {
    const { interventions, ...plain } = question;
    let editError = interventions ? this.#notBuilt.get("interventions") ?? "" : "";
    if (interventions && !editError) {
      try {
        return { reply: await fetchJson("v1/cloze", { body: question, signal }), editError };
      } catch (error) {
        editError = this.#aboutEdits(error, question.model);
        if (!editError) throw error;
        this.#remember("interventions", error);
      }
    }
    return { reply: await fetchJson("v1/cloze", { body: plain, signal }), editError };
  }

  /** What a refusal says of this model's clamps, each by its number in the list; "" where it is not about them. */
  #aboutEdits(error, model) {
    if (!(error instanceof Refusal)) return "";
    if (error.status === 413) return "The clamps are more than the service takes in one request. Undo some.";
    if (!error.param.startsWith("interventions")) return "";
    const number = /^interventions\[(\d+)\]/.exec(error.param)?.[1];
    if (number === undefined) return error.message;
    const { edits } = this.state.values;
    const edit = edits.filter((one) => one.model === model)[Number(number)];
    const words = error.message.replace(/^interventions\[\d+\]: /i, "");
    return `Clamp ${edits.indexOf(edit) + 1}: ${words.charAt(0).toLowerCase()}${words.slice(1)}`;
  }

  /** The two words between which evidence and belief decide: the targets if they are two, else the model's pair. */
  #pairOf(card) {
    const targets = targetsOf(this.state.values.targets);
    if (targets?.length === 2 && typeof targets[0] === "string") return targets;
    return card.pairs?.[0] ?? ["he", "she"];
  }

  #beliefBody = ({ result, pair, model }) => ({ text: filledParts(result).join(""), pair, model });

  /** null where evidence has no two words to weigh. */
  #evidenceBody({ result, pair, model, interventions }) {
    const { text, targets, context } = this.state.values;
    const chosen = targetsOf(targets);
    const isTwo = chosen === null || (chosen.length === 2 && typeof chosen[0] === "string");
    if (result.blanks.length > 1 || !isTwo) return null;
    return { text, targets: pair, context, model, evidence: "hold", ...(interventions.length && { interventions }) };
  }

  /** Let go of the belief and the evidence that answer another question than the one to ask now. */
  #dropStale(answer) {
    const questions = { belief: this.#beliefBody(answer), evidence: this.#evidenceBody(answer) };
    for (const [part, body] of Object.entries(questions)) {
      if (answer.asked[part] === JSON.stringify(body)) continue;
      answer[part] = null;
      answer.asked[part] = "";
    }
  }

  async #askBelief(place, signal) {
    const answer = this.answers[place];
    if (answer.result) await this.#askPart(place, "belief", "v1/belief", this.#beliefBody(answer), signal, (reply) => reply.tokens);
  }

  async #askEvidence(place, signal) {
    const answer = this.answers[place];
    if (!answer.result || place !== this.state.values.shown) return;
    const body = this.#evidenceBody(answer);
    if (body) {
      await this.#askPart(place, "evidence", "v1/cloze", body, signal, (reply) => reply.results[0].evidence);
      return;
    }
    answer.evidenceError = "Evidence weighs two words against each other in one blank; here are more.";
    this.show(place);
  }

  /** Ask for belief or evidence, unless what is there answers this very question. */
  async #askPart(place, part, path, body, signal, read) {
    const answer = this.answers[place];
    const question = JSON.stringify(body);
    if (answer.asked[part] === question) return;
    let value = null;
    let sentence = this.#notBuilt.get(part) ?? "";
    if (!sentence) {
      try {
        value = read(await fetchJson(path, { body, signal }));
      } catch (error) {
        if (signal.aborted) return;
        this.#remember(part, error);
        sentence = error.message;
      }
    }
    if (signal.aborted) return;
    Object.assign(answer, { [part]: value, [`${part}Error`]: sentence });
    answer.asked[part] = sentence ? "" : question;
    this.show(place);
  }

  #remember(part, error) {
    if (error.code === "not_built_yet") this.#notBuilt.set(part, error.message);
  }
}
