// The page: asks /v1/cloze and shows probabilities, warnings and one gate map. No library, nothing from outside.

const byId = (id) => document.getElementById(id);

/** A new element: properties, then children (nodes or text, never markup). */
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** The JSON at `path`; throws an Error whose message is a sentence for the reader. */
async function fetchJson(path, options = {}) {
  const key = byId("key").value.trim();
  const headers = { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) };
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Error("The service does not answer. Is it still running?");
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  if (response.status === 401) byId("key-field").hidden = false;
  throw new Error(body?.error?.message ?? `The service answered with status ${response.status}.`);
}

/** Offsets count code points; JavaScript's strings do not. */
const slice = (text, start, end) => Array.from(text).slice(start, end).join("");

function showSentence(result) {
  const said = [];
  let place = 0;
  for (const blank of result.blanks) {
    said.push(slice(result.text, place, blank.start), element("mark", {}, blank.predictions[0].filled));
    place = blank.end;
  }
  byId("said").replaceChildren(...said, slice(result.text, place));
}

function predictionTable(blank, number, count) {
  const table = element("table", { className: "predictions" });
  if (count > 1) table.append(element("caption", {}, `Blank ${number + 1}`));
  for (const prediction of blank.predictions) {
    const percent = `${(100 * prediction.probability).toFixed(1)} %`;
    const meter = element("meter", { min: 0, max: 1, value: prediction.probability, ariaHidden: "true" });
    table.append(element("tr", {},
      element("th", { scope: "row" }, prediction.filled),
      element("td", {}, meter),
      element("td", { className: "number" }, percent)));
  }
  return table;
}

/** A heat map that is a table, so that a screen reader can walk through it. */
function showMap(result, site) {
  const { tokens } = result.trace;
  const { units, values } = result.trace.sites[site];
  const isBlank = (token) => result.blanks.some((blank) => token.start >= blank.start && token.end <= blank.end && token.end > token.start);
  const head = element("tr", {}, element("th", { scope: "col" }, element("span", { className: "unseen" }, "Unit")));
  for (const token of tokens) {
    head.append(element("th", { scope: "col", className: isBlank(token) ? "blank" : "" }, token.text.trim() || "␣"));
  }
  const rows = units.map((unit, column) => {
    const row = element("tr", {}, element("th", { scope: "row" }, `unit ${unit}`));
    tokens.forEach((token, index) => {
      const value = values[index][column];
      const shown = value.toFixed(2);
      const cell = element("td", { title: `unit ${unit} at “${token.text.trim()}”: ${shown}` }, element("span", { className: "unseen" }, shown));
      cell.style.setProperty("--hue", value < 0 ? "var(--low)" : "var(--high)");
      cell.style.setProperty("--strength", Math.min(1, Math.abs(value)).toFixed(3));
      row.append(cell);
    });
    return row;
  });
  byId("map").replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
}

function show(result, site) {
  showSentence(result);
  byId("blanks").replaceChildren(...result.blanks.map((blank, number) => predictionTable(blank, number, result.blanks.length)));
  byId("warnings").replaceChildren(...result.warnings.map((warning) => element("li", {}, warning.message)));
  byId("answer").hidden = false;
  byId("gates").hidden = !result.trace;
  if (result.trace) showMap(result, site);
}

/** "he, she" for every blank; "he, she; his, her" one list a blank. */
function targetsOf(line) {
  const lists = line.split(";").map((part) => part.split(",").map((word) => word.trim()).filter(Boolean));
  if (!lists.some((list) => list.length)) return null;
  return lists.length === 1 ? lists[0] : lists;
}

async function ask() {
  byId("ask").disabled = true;
  byId("error").textContent = "";
  const site = byId("site").value;
  const question = {
    text: byId("text").value,
    targets: targetsOf(byId("targets").value),
    context: byId("context").value,
    model: byId("model").value || null,
    trace: site ? { sites: [site], units: "top:8" } : false,
  };
  try {
    const reply = await fetchJson("v1/cloze", { method: "POST", body: JSON.stringify(question) });
    show(reply.results[0], site);
  } catch (error) {
    byId("error").textContent = error.message;
    byId("answer").hidden = byId("gates").hidden = true;
  } finally {
    byId("ask").disabled = false;
  }
}

/** The sites of the chosen model; the same site stays chosen where the new model has it. */
async function showSites() {
  const before = byId("site").value;
  const name = byId("model").value;
  const { sites } = name ? await fetchJson(`v1/models/${encodeURIComponent(name)}`) : { sites: [] };
  byId("site").replaceChildren(...sites.map((site) => element("option", { value: site }, site)));
  const wanted = [before, "layer0.forward.forget_gate", "layer0.forward.update_gate"].find((site) => sites.includes(site));
  if (wanted) byId("site").value = wanted;
}

async function start() {
  const { data } = await fetchJson("v1/models");
  byId("model").replaceChildren(...data.map(({ id, default: selected }) => element("option", { value: id, selected }, id)));
  await showSites();
  await ask();
}

const tell = (error) => { byId("error").textContent = error.message; };
byId("question").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
byId("site").addEventListener("change", ask);
byId("model").addEventListener("change", () => showSites().then(ask, tell));
byId("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); byId("question").requestSubmit(); }
});
for (const example of byId("examples").querySelectorAll("button")) {
  example.addEventListener("click", () => { byId("text").value = example.textContent; ask(); });
}
start().catch(tell);
