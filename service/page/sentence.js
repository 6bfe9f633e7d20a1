// The sentence: typed, chosen from examples, blanked; the words to choose from; the side that is read.

import { byId, element } from "./element.js";

export const EXAMPLES = [
  "Mary packed her bag because ___ was leaving.",
  "The queen was angry with the boy, and ___ sent him away.",
  "Mary spoke first. Then Tom came in, and ___ sat down by the fire.",
  "Tom said that ___ was tired.",
  "___ lost his hat.",
];

/** The text with the selection, or the word at the caret, made a blank: [text, caret]. Offsets are JavaScript's. */
export function blanked(text, start, end) {
  const isOfWord = (character) => character !== undefined && /[\p{L}\p{N}'’_]/u.test(character);
  if (start === end) {
    while (isOfWord(text[start - 1])) start -= 1;
    while (isOfWord(text[end])) end += 1;
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
