// The belief line above the words: P(first of the pair) at each token, if a pronoun came next. Drawn, and told in words.

import { label } from "./columns.js";
import { drawn } from "./element.js";

export const HEIGHT = 96;
const TOP = 10;
const BOTTOM = 86;

const height = (probability) => BOTTOM - (BOTTOM - TOP) * probability;

/** Unbroken stretches of a line: [[[x, y], ...], ...]; a null inside a word is passed over, as belief stands still there. */
export function linePoints(columns, places, name) {
  return columns.flatMap((column, index) => (column[name] === null ? [] : [[places[index].centre, height(column[name])]]));
}

/** Fill `picture`, an <svg>, whose pixels are the table's. `names`: of the two models; the second's line is dashed. */
export function drawBelief(picture, columns, places, pair, names) {
  const right = places.at(-1).right;
  picture.setAttribute("width", right);
  picture.setAttribute("height", HEIGHT);
  const points = linePoints(columns, places, "belief");
  const others = linePoints(columns, places, "otherBelief");
  const left = places[0].left;
  picture.replaceChildren(
    drawn("title", {}, toldOf(columns, pair, names)),
    drawn("path", { class: "field", d: `M${left} ${TOP}H${right}M${left} ${BOTTOM}H${right}` }),
    drawn("path", { class: "middle", d: `M${left} ${height(0.5)}H${right}` }),
    drawn("text", { class: "axis first", x: left - 6, y: TOP + 4 }, pair[0]),
    drawn("text", { class: "axis second", x: left - 6, y: BOTTOM + 4 }, pair[1]),
    drawn("path", { class: "line other", d: pathOf(others) }),
    drawn("path", { class: "line", d: pathOf(points) }),
    ...points.map(([x, y]) => drawn("circle", { class: y < height(0.5) ? "first" : "second", cx: x, cy: y, r: 3.5 })),
  );
}

const pathOf = (points) => (points.length ? `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}` : "");

function toldOf(columns, pair, names) {
  const told = columns.filter((column) => column.belief !== null)
    .map((column) => `${label(column.text)} ${column.belief.toFixed(2)}`);
  if (!told.length) return "No belief line";
  return `P(${pair[0]}) against ${pair[1]} after each token, by ${names[0]}: ${told.join(", ")}`;
}
