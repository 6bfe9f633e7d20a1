// The sentence: typed, chosen from examples, blanked; the words to choose from; the side that is read.

import { byId, element } from "./element.js";

export const EXAMPLES = [
  "Mary packed her bag because ___ was leaving.",
  "The queen was angry with the boy, and ___ sent him away.",
  "Mary spoke first. Then Tom came in, and ___ sat down by the fire.",
  "Tom said that ___ was tired.",
  "___ lost his hat.",
];

const OF_WORD = /[\p{L}\p{M}\p{N}\p{Join_Control}'’_]/u;

/** Where the word at `caret` starts and ends; both are the caret where there is none. */
function wordAt(text, caret) {
  let [start, end] = [caret, caret];
  for (const character of Array.from(text.slice(0, caret)).reverse()) { // whole code points, which may be two units
    if (!OF_WORD.test(character)) break;
    start -= character.length;
  }
  for (const character of text.slice(caret)) {
    if (!OF_WORD.test(character)) break;
    end += character.length;
  }
  return [start, end];
}

/** The text with the selection, or the word at the caret, made a blank: [text, caret]. Offsets are JavaScript's. */
export function blanked(text, start, end) {
  if (start === end) {
    [start, end] = wordAt(text, start);
  } else {
    while (start < end && /\s/.test(text[start])) start += 1; // a double click selects the space behind a word too
    while (end > start && /\s/.test(text[end - 1])) end -= 1;
  }
  return [`${text.slice(0, start)}___${text.slice(end)}`, start + 3];
}

export function wireSentence(state, asker) {
  const text = byId("text");
  const targets = byId("targets");
  const context = byId("context");
  text.addEventListener("input", () => state.change({ text: text.value }));
  targets.addEventListener("input", () => state.change({ targets: targets.value }));
  context.addEventListener("change", () => state.change({ context: context.value }));
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    asker.ask();
  });
  byId("question").addEventListener("submit", (event) => event.preventDefault());
  byId("blank").addEventListener("click", () => {
    const [blankedText, caret] = blanked(text.value, text.selectionStart, text.selectionEnd);
    text.value = blankedText;
    text.focus();
    text.setSelectionRange(caret, caret);
    state.change({ text: blankedText });
  });
  byId("examples").append(...EXAMPLES.map((example) => {
    const button = element("button", { type: "button" }, example);
    button.addEventListener("click", () => state.change({ text: example, edits: [] }));
    return button;
  }));
  const show = (values) => {
    for (const [field, value] of [[text, values.text], [targets, values.targets], [context, values.context]]) {
      if (field.value !== value) field.value = value;
    }
  };
  state.listen(show);
  show(state.values);
}
