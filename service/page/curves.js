// The same values as curves, one a unit: drawn by Plotly, whose large script is fetched when the curves are opened.

import { label } from "./columns.js";
import { byId } from "./element.js";

const MOST_CURVES = 6; // more cannot be told apart

let loading = null;

/** Plotly, fetched once. */
function plotly() {
  loading ??= new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = "page/plotly.min.js";
    script.onload = () => done(globalThis.Plotly);
    script.onerror = () => {
      loading = null;
      script.remove();
      fail(new Error("The script that draws curves could not be fetched; close and open the curves to try again."));
    };
    document.head.append(script);
  });
  return loading;
}

export class Curves {
  constructor(figure) {
    this.figure = figure;
    byId("curves-box").addEventListener("toggle", () => this.show());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.show());
  }

  async show() {
    const { shown } = this.figure;
    if (!byId("curves-box").open || !shown) return;
    byId("curves-error").textContent = "";
    try {
      const library = await plotly();
      await library.react(byId("curves"), traces(shown), layout(shown), { responsive: true, displaylogo: false, displayModeBar: false });
      byId("curves").setAttribute("aria-label", `Curves of ${shown.site}; the map above has the same values as a table`);
    } catch (error) {
      byId("curves-error").textContent = error.message;
    }
  }
}

/** A token as Plotly's own small markup writes it, which reads "<s>" as a tag. */
const plain = (column) => label(column.text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");

// Beyond colour, curves differ by their dashes.
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];

function traces({ traced, columns }) {
  const x = columns.map((_, index) => index);
  const text = columns.map(plain);
  return traced.units.slice(0, MOST_CURVES).map((unit, row) => ({
    x, text, y: traced.values.map((values) => values[row]),
    name: `unit ${unit}`, mode: "lines+markers", line: { dash: DASHES[row % DASHES.length] },
    hovertemplate: `unit ${unit} at “%{text}”: %{y:.3f}<extra></extra>`,
  }));
}

function layout({ columns, site }) {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim();
  const line = style.getPropertyValue("--line").trim();
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line };
  return {
    height: 300, margin: { l: 44, r: 8, t: 8, b: 80 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, family: "system-ui, sans-serif" }, legend: { orientation: "h", y: 1.15 },
    xaxis: { ...axis, tickvals: columns.map((_, index) => index), ticktext: columns.map(plain), fixedrange: true },
    yaxis: { ...axis, title: { text: site.split(".").at(-1).replaceAll("_", " ") }, fixedrange: true },
  };
}
