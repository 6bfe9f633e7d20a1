// The figure as a picture of its own: an SVG with every colour in it, which any program can show.

import { linePoints, HEIGHT as BELIEF_HEIGHT } from "./belief.js";
import { label, leaning } from "./columns.js";
import { toldOf } from "./edits.js";
import { drawn, percent } from "./element.js";

const LEFT = 64;
const ROW = 18;
const CHARACTER = 8; // a generous average at 13 pixels
const LINE = 18;
const EDITS = 5; // how many edits are told; of more, the number

/** The text without what XML cannot hold: control characters and halves of a surrogate pair. */
const asXml = (text) => text.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");

/** An <svg> of {answer, columns, site, traced, pair} in the colours of the page as it is now. */
export function pictureOf({ answer, columns, site, traced, pair }) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const [ink, faint, line] = ["ink", "faint", "line"].map(colour);
  const rgb = (name) => `rgb(${colour(name).split(/\s+/).join(",")})`;
  const places = placesOf(columns, pair);
  const width = Math.max(places.at(-1).right + 12, 420);
  const scale = Math.max(1, ...traced.values.flat().map(Math.abs));
  const edits = editLines(answer.edits, columns, Math.floor((width - 24) / CHARACTER));
  const top = 56 + LINE * edits.length;
  const wordsY = top + (answer.belief ? BELIEF_HEIGHT : 0);
  const mapY = wordsY + 40;
  const height = mapY + ROW * traced.units.length + 12;
  const text = (x, y, content, more = {}) => drawn("text", { x, y, fill: ink, "font-size": 13, ...more }, asXml(content));
  const best = answer.result.blanks.map((blank) => blank.predictions.map((one) => `${one.filled} ${percent(one.probability)}`).join(", ")).join(" · ");
  const picture = drawn("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${width} ${height}`, width, height, "font-family": "system-ui, sans-serif" },
    drawn("rect", { width, height, fill: colour("paper") }),
    text(12, 22, answer.result.text, { "font-size": 15, "font-weight": 600 }),
    text(12, 42, `${answer.model}: ${best}. ${site}`, { fill: faint }),
    ...edits.map((told, index) => text(12, 42 + LINE * (index + 1), told)));
  if (answer.belief) {
    const points = linePoints(columns, places, "belief").map(([x, y]) => [x, y + top]);
    picture.append(drawn("path", { d: `M${LEFT} ${top + BELIEF_HEIGHT / 2}H${width - 12}`, stroke: line, "stroke-dasharray": "3 3" }),
      drawn("polyline", { points: points.join(" "), fill: "none", stroke: ink, "stroke-width": 1.5 }),
      ...points.map(([x, y]) => drawn("circle", { cx: x, cy: y, r: 3, fill: rgb(y - top < BELIEF_HEIGHT / 2 ? "first" : "second") })),
      text(LEFT - 8, top + 14, pair[0], { "text-anchor": "end" }), text(LEFT - 8, top + 90, pair[1], { "text-anchor": "end" }));
  }
  columns.forEach((column, index) => {
    const { left, right, centre } = places[index];
    if (column.evidence) {
      picture.append(drawn("rect", { x: left, y: wordsY, width: right - left - 1, height: 36, rx: 3, fill: rgb(column.evidence > 0 ? "first" : "second"), "fill-opacity": 0.5 * Math.min(1, Math.abs(column.evidence) / 4) }));
    }
    picture.append(text(centre, wordsY + 16, label(column.text), { "text-anchor": "middle", "font-weight": column.isBlank ? 700 : 400 }),
      text(centre, wordsY + 31, leaning(column.evidence, pair), { "text-anchor": "middle", "font-size": 10 }));
    traced.units.forEach((_, row) => {
      const value = traced.values[index][row];
      picture.append(drawn("rect", { x: left, y: mapY + ROW * row, width: right - left - 1, height: ROW - 1, stroke: line, "stroke-width": 0.5, fill: rgb(value < 0 ? "low" : "high"), "fill-opacity": (Math.abs(value) / scale).toFixed(3) }));
    });
  });
  traced.units.forEach((unit, row) => picture.append(text(LEFT - 8, mapY + ROW * row + 13, String(unit), { "text-anchor": "end", fill: faint })));
  return picture;
}

/** The edits that were in force, a line each, none longer than `most` characters. */
function editLines(edits, columns, most) {
  const names = columns.map((column) => label(column.text));
  const lines = edits.slice(0, EDITS).map((edit) => `edited: ${toldOf(edit, names)}`);
  if (edits.length > EDITS) lines.push(`and ${edits.length - EDITS} more edits`);
  return lines.map((line) => cut(line, most));
}

function cut(line, most) {
  const characters = Array.from(line); // a slice of the string may end inside one
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : line;
}

function placesOf(columns, pair) {
  let left = LEFT;
  return columns.map((column) => {
    const width = Math.max(28, CHARACTER * Math.max(label(column.text).length, 0.8 * leaning(column.evidence, pair).length) + 12);
    const place = { left, right: left + width, centre: left + width / 2 };
    left += width;
    return place;
  });
}
