// The network unrolled in time: tokens across, layers stacked, one or both directions. A click chooses a layer.

import { drawn } from "./element.js";
import { siteParts } from "./models.js";

const LAYER = 30;
const BAND = 26; // where the tokens pass, between the two stacks

/** Fill `picture`, an <svg>. `choose({layer, direction})` is called when a box is clicked; the list beside it does the same. */
export function drawStructure(picture, columns, places, network, site, choose) {
  const shown = siteParts(site);
  const isBoth = network.direction === "bidirectional";
  const stack = network.n_layers * LAYER;
  const left = places[0].left;
  const width = places.at(-1).right;
  const height = stack + BAND + (isBoth ? stack : 0);
  picture.setAttribute("width", width);
  picture.setAttribute("height", height);
  const cellName = { lstm: "LSTM", gru: "GRU", rnn: "plain RNN", mlp: "memoryless" }[network.cell] ?? network.cell;
  const parts = [drawn("title", {}, `The network unrolled in time: ${network.n_layers} layers of ${cellName} cells, ${isBoth ? "one stack reading forward and one backward" : "reading forward"}; the same structure whatever the cell`)];
  const lines = [];
  const reads = [];
  for (const direction of isBoth ? ["forward", "backward"] : ["forward"]) {
    const onward = direction === "forward" ? 1 : -1;
    for (let layer = 0; layer < network.n_layers; layer += 1) {
      const away = layer * LAYER + LAYER / 2;
      const y = onward === 1 ? stack - away : stack + BAND + away;
      const isShown = shown.layer === layer && shown.direction === direction;
      const row = drawn("g", { class: isShown ? "layer shown" : "layer" });
      row.addEventListener("click", () => choose({ layer, direction }));
      row.append(
        drawn("rect", { class: "reach", x: 0, y: y - LAYER / 2, width, height: LAYER }),
        drawn("text", { class: "axis", x: left - 6, y: y + 4 }, `layer${layer} ${onward === 1 ? "→" : "←"}`),
      );
      places.forEach(({ centre }, index) => {
        const next = index + onward;
        lines.push(`M${centre} ${y + onward * 22}v${-onward * 13}`);
        if (network.cell !== "mlp" && places[next]) lines.push(arrow(centre + onward * 9, y, places[next].centre - onward * 10, onward));
        const predicts = layer === network.n_layers - 1 && columns[next]?.isBlank;
        row.append(drawn("rect", { class: predicts ? "box predicts" : "box", x: centre - 8, y: y - 8, width: 16, height: 16, rx: 3 }));
        if (predicts) reads.push(`M${centre + onward * 8} ${y}Q${places[next].centre} ${y} ${places[next].centre} ${stack + (onward === 1 ? 4 : BAND - 4)}`);
      });
      parts.push(row);
    }
  }
  columns.forEach((column, index) => {
    const y = stack + BAND / 2 + 4;
    parts.push(drawn("circle", { class: column.isBlank ? "token blank" : "token", cx: places[index].centre, cy: y - 4, r: column.isBlank ? 6 : 3 }));
  });
  picture.replaceChildren(...parts.slice(0, 1), drawn("path", { class: "flow", d: lines.join("") }), ...parts.slice(1), drawn("path", { class: "reads", d: reads.join("") }));
}

const arrow = (from, y, to, onward) => `M${from} ${y}H${to}m${-onward * 4} -3l${onward * 4} 3l${-onward * 4} 3`;
