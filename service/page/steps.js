// The six steps of the tour: what each says, what it shows, what it lets one try. Knows no element of the page.

import { isGate } from "./models.js";

const MARY = "Mary packed her bag because ___ was leaving.";
const TOM = MARY.replace("Mary", "Tom").replace("her", "his");
const NEW_SUBJECT = "Mary spoke first. Then Tom came in, and ___ sat down by the fire.";
const LATE = "Mary was late, and the train had left, so ___ went home.";
const FAR = "Mary came home late. It was cold. The rain fell on the roof. The clock in the hall struck nine, and nothing moved in the garden. At last ___ sat down by the fire.";

/**
 * Edits of all units of the forward stack, at the columns from `first` to `last`: of `gate`, or of the gate that plays
 * its part in the model that is shown. None where that has no gates, or the text not these columns.
 */
function all(figure, gate, first, last, does) {
  const { model } = figure.shown.answer;
  const { n_layers: nLayers } = figure.models.network(model);
  const sites = Array.from({ length: nLayers }, (_, layer) => figure.models.nearestSite(model, `layer${layer}.forward.${gate}`));
  if (first < 0 || last < first || !sites.every(isGate)) return [];
  return sites.map((site) => ({ model, site, units: "all", first, last, does }));
}

const place = (figure, word) => figure.shown.columns.findIndex((column) => column.text.trim() === word);
const blank = (figure) => figure.shown.columns.findIndex((column) => column.isBlank);
const undo = { name: "Undo", change: () => ({ edits: [] }) };

/**
 * Steps for the models that are served. A step: title, paragraphs, `show` (a change of the state), `look` (the id of
 * what to look at), and `tries`: [{name, change(figure)}], each a change of the state.
 */
export function stepsFor(models) {
  const lstm = models.withCell("lstm") ?? models.pair(["", ""])[0];
  const gru = models.withCell("gru");
  const rnn = models.withCell("rnn");
  const pair = models.pair([lstm, gru ?? models.pair([lstm, ""])[1]]);
  const gated = gru ?? lstm; // which of them shows the update gate, or the gate that plays its part
  const at = (name, activation) => {
    const { n_layers: nLayers } = models.network(name);
    return models.nearestSite(name, `layer${nLayers - 1}.forward.${activation}`);
  };
  const ofGate = (name, one) => (isGate(at(name, "forget_gate")) ? [one, undo] : []);
  const start = { context: "both", targets: "", edits: [], rows: 12, models: pair, shown: 0 };
  return [
    {
      title: "The structure",
      paragraphs: [
        "Look at the whole before the part. Time runs across: one column for each token. Layers are stacked, and the sentence enters between the two stacks: the upper one reads it forward, the lower one backward.",
        "Each box hands its state on to its own next moment, and to the layer above it. The boxes beside the blank decide the word. RNN, LSTM and GRU share this picture; they differ only in what is inside a box.",
      ],
      look: "structure",
      show: { ...start, text: MARY, site: at(lstm, "hidden_state") },
      tries: [{ name: "Put Tom in Mary’s place", change: () => ({ text: TOM }) }],
    },
    {
      title: "The cell",
      paragraphs: [
        "Now open one box. An LSTM’s cell keeps a memory, the cell state c, beside what it shows, the hidden state h. At each token it keeps some of the old memory, f × c before, and adds something new, i × g. That is a sum, so what was written at “Mary” can still be there at the blank.",
        "The map below has the cell state of single units. Each letter of the equations is a button: press one to see it in the map.",
      ],
      look: "cell",
      show: { ...start, text: MARY, site: at(lstm, "cell_state") },
      tries: [{ name: "Show the input gate i", change: () => ({ site: at(lstm, "input_gate") }) }],
    },
    {
      title: "The forget gate",
      paragraphs: [
        "Most values of f are near 0 or near 1: a switch. Where it is near 1 a unit keeps its memory, where it is near 0 the unit forgets.",
        "Shut it yourself: the button sets f to 0, for all units that read forward, at the two tokens before the blank. What the memory held of Mary is wiped, and the answer falls towards a toss of a coin. You can also click a cell of the map, or drag over tokens.",
      ],
      look: "map",
      show: { ...start, text: LATE, context: "left", site: at(lstm, "forget_gate") },
      tries: ofGate(lstm, { name: "Shut it before the blank", change: (figure) => ({ edits: all(figure, "forget_gate", blank(figure) - 2, blank(figure) - 1, "set=0") }) }),
    },
    {
      title: "A new subject",
      paragraphs: [
        "First Mary is spoken of, then Tom. The line above the words says which pronoun the network would expect if one came next: it should turn at “Tom”. That is what a forget gate is for: when a new subject arrives, the gender of the old one has to go.",
        "Now hold the gate open, f = 1, from “Then” to the comma, so that nothing can be forgotten while Tom comes in: Mary stays in the memory, and the answer goes back to her. The colours of the words are evidence: how much each pushes the answer to one word or the other.",
      ],
      look: "belief",
      show: { ...start, text: NEW_SUBJECT, site: at(lstm, "forget_gate") },
      tries: ofGate(lstm, { name: "Do not let it forget", change: (figure) => ({ edits: all(figure, "forget_gate", place(figure, "Then"), place(figure, ","), "set=1") }) }),
    },
    {
      title: "The GRU",
      paragraphs: [
        "The same sentence, the same structure, another cell. A GRU has no separate memory: its hidden state is a mixture of the old state and a new candidate, and one gate, z, decides both. It has fewer weights than an LSTM of the same size.",
        gru
          ? "Here z near 1 keeps the old state; some papers turn the sign round. Hold it at 1 at “Tom came”, and Mary stays. Compare the two answers above: the cells differ little in the end. Do not worry about which to choose."
          : "This service serves no GRU. In an LSTM the forget gate plays the part of z: held at 1 at “Tom came”, it keeps Mary. In the end the two cells differ little. Do not worry about which to choose.",
      ],
      look: "cell",
      show: { ...start, text: NEW_SUBJECT, shown: pair.indexOf(gated), site: at(gated, "update_gate") },
      tries: ofGate(gated, { name: `Hold ${gru ? "z" : "it"} at 1 at “Tom came”`, change: (figure) => ({ edits: all(figure, "update_gate", place(figure, "Tom"), place(figure, "came"), "set=1") }) }),
    },
    rnn ? {
      title: "The plain RNN forgets",
      paragraphs: [
        "A plain RNN has no gates: at every token its whole state is made anew from the old state and the input. What was written early is overwritten a little each time.",
        "Three sentences about nobody stand between Mary and the blank. Follow the line of the plain RNN and the dashed one of the LSTM, and compare the answers above. Then put Tom in Mary’s place: which of the two notices?",
      ],
      look: "belief",
      show: { ...start, text: FAR, context: "left", models: [rnn, lstm], shown: 0, site: at(rnn, "hidden_state") },
      tries: [],
    } : {
      title: "The plain RNN forgets",
      paragraphs: [
        "A plain RNN has no gates: at every token its whole state is made anew, and what was written early fades. This service serves no plain RNN, so the LSTM has to play one.",
        "Three sentences about nobody stand between Mary and the blank, and the LSTM still knows of her. The button halves its forget gate at every token: now it forgets as it goes, like a network that cannot choose to keep, and the answer is a toss of a coin.",
      ],
      look: "panels",
      show: { ...start, text: FAR, context: "left", site: at(lstm, "forget_gate") },
      tries: ofGate(lstm, { name: "Halve the forget gate", change: (figure) => ({ edits: all(figure, "forget_gate", 0, figure.shown.columns.length - 1, "scale=0.5") }) }),
    },
  ];
}
