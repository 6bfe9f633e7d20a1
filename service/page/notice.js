// The line that says how the service does: slow, away, still starting; and the field for a key when one is asked for.

import { byId } from "./element.js";

const SLOW_MILLISECONDS = 1000;

export class Notice {
  #timer = 0;
  #startedAt = 0;

  waiting() {
    clearInterval(this.#timer);
    this.#startedAt = performance.now();
    this.#timer = setInterval(() => this.#saySlow(), SLOW_MILLISECONDS);
  }

  #saySlow() {
    const seconds = Math.round((performance.now() - this.#startedAt) / 1000);
    this.#say(`The service is slow: waiting for ${seconds} s. You can go on typing.`, "slow");
  }

  answered() {
    clearInterval(this.#timer);
    this.#say("", "");
  }

  failed(error, seconds) {
    clearInterval(this.#timer);
    this.#say(`${error.message} Your sentence is kept; trying again in ${seconds} s.`, "away");
  }

  askForKey() {
    byId("key-field").hidden = false;
  }

  #say(sentence, kind) {
    const line = byId("notice");
    if (line.textContent === sentence) return;
    line.textContent = sentence;
    line.className = kind;
  }
}
