// What is shown, to keep: SVG, PNG, CSV, JSON; and its address, to share.

import { byId, element } from "./element.js";
import { pictureOf } from "./picture.js";
import { editInOneWord } from "./state.js";

const PIXELS = 2; // of a PNG, for each of the page's

export function wireDownload(state, figure) {
  const told = byId("download-told");
  const kinds = {
    svg: () => new Blob([markup(figure.shown)], { type: "image/svg+xml" }),
    png: () => png(figure.shown),
    csv: () => new Blob([csvOf(figure.asker.answers, figure)], { type: "text/csv" }),
    json: () => new Blob([JSON.stringify(jsonOf(state, figure.asker.answers), null, 2)], { type: "application/json" }),
  };
  for (const [kind, make] of Object.entries(kinds)) {
    byId(`save-${kind}`).addEventListener("click", async () => {
      try {
        save(`anaphora.${kind}`, await make());
        told.textContent = `anaphora.${kind} has been saved.`;
      } catch (error) {
        told.textContent = `anaphora.${kind} could not be made: ${error.message}`;
      }
    });
  }
  byId("share").addEventListener("click", async () => {
    const { address } = state;
    const field = byId("address");
    try {
      await navigator.clipboard.writeText(address);
      byId("address-field").hidden = true;
      told.textContent = "The address of what you see is on the clipboard.";
    } catch { // only a page of https or this machine may write to the clipboard
      byId("address-field").hidden = false;
      field.value = address;
      field.select();
      told.textContent = "This is the address of what you see; copy it from here.";
    }
  });
}

function save(name, blob) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const markup = (shown) => new XMLSerializer().serializeToString(pictureOf(shown));

async function png(shown) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(markup(shown))}`;
  await image.decode();
  const canvas = element("canvas", { width: PIXELS * image.width, height: PIXELS * image.height });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done, fail) => {
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("the picture is too large"))), "image/png");
  });
}

/** A text that a spreadsheet does not take for a formula. */
const inert = (value) => (typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : value);

const quoted = (value) => (/[",\n\r]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));

/** One number a line: model, what, unit, the token and its place, value, and the edits of the network it comes from. */
function csvOf(answers, figure) {
  const editsOf = ({ edits }) => edits.map(editInOneWord).join(" "); // belief is read without
  const lines = [["model", "quantity", "unit", "token_index", "token", "start", "end", "value", "edits"]];
  answers.filter((answer) => answer.result).forEach((answer) => {
    answer.result.blanks.forEach((blank, index) => blank.predictions.forEach((one) =>
      lines.push([answer.model, `probability of ${one.target}`, "", `blank ${index}`, one.filled, blank.start, blank.end, one.probability, editsOf(answer)])));
  });
  const { answer, columns, traced, site, pair } = figure.shown;
  columns.forEach((column, index) => {
    const place = [index, column.text, column.start, column.end];
    if (column.evidence !== null) lines.push([answer.model, `evidence for ${pair[0]} against ${pair[1]}`, "", ...place, column.evidence, editsOf(answer)]);
    if (column.belief !== null) lines.push([answer.model, `belief in ${pair[0]} against ${pair[1]}`, "", ...place, column.belief, ""]);
    traced.units.forEach((unit, row) => lines.push([answer.model, site, unit, ...place, traced.values[index][row], editsOf(answer)]));
  });
  return `${lines.map((line) => line.map((value) => quoted(inert(value))).join(",")).join("\r\n")}\r\n`;
}

function jsonOf(state, answers) {
  return {
    address: state.address,
    state: state.values,
    answers: answers.filter((answer) => answer.result)
      .map(({ model, result, evidence, belief, pair }) => ({ model, pair, result, evidence, belief })),
  };
}
