// The tokens as the columns of the figure: what belief and evidence say at each, and where each stands.

import { bestFilling } from "./filling.js";

/**
 * One column a traced token: {text, start, end, isBlank, evidence, belief, otherBelief}; null where nothing is known.
 *
 * A traced text's offsets count in the text as sent, belief's in the filled one; a blank is one traced token and may be
 * several of belief's. A column shows the belief after its last token.
 */
export function columnsOf(answer, other) {
  const { result } = answer;
  const toSent = sentOffsets(result);
  const isComparable = other.result?.text === result.text && other.pair.join() === answer.pair.join();
  const otherToSent = isComparable ? sentOffsets(other.result) : null;
  return result.trace.tokens.map((token) => {
    const isReal = token.end > token.start;
    return {
      ...token,
      isBlank: isReal && result.blanks.some((blank) => token.start >= blank.start && token.end <= blank.end),
      evidence: answer.evidence?.find((one) => one.start === token.start && one.text === token.text)?.log_odds_change ?? null,
      belief: isReal ? beliefAt(answer.belief, toSent, token.end) : null,
      otherBelief: isReal && otherToSent ? beliefAt(other.belief, otherToSent, token.end) : null,
    };
  });
}

function beliefAt(belief, toSent, end) {
  const there = belief?.findLast((token) => token.end > token.start && toSent(token.end) === end);
  return there?.probability ?? null;
}

/** Offsets of the filled text -> offsets of the text as sent; a place inside a filling is the blank's end only at its end. */
function sentOffsets(result) {
  const words = bestFilling(result);
  return (offset) => {
    let shift = 0;
    for (const [index, blank] of result.blanks.entries()) {
      const start = blank.start + shift;
      const end = start + Array.from(words[index]).length;
      if (offset <= start) break;
      if (offset < end) return -1;
      shift = end - blank.end;
    }
    return offset - shift;
  };
}

/** A token as a label: never empty, never more than one line. */
export function label(text) {
  const shown = text.replace(/\s+/g, " ").trim();
  return shown || "␣";
}

/** Which word a signed log-odds leans to, in words: "she +1.2"; "" where it is next to nothing. */
export function leaning(logOdds, pair) {
  if (logOdds === null || Math.abs(logOdds) < 0.05) return "";
  return `${logOdds > 0 ? pair[0] : pair[1]} +${Math.abs(logOdds).toFixed(1)}`;
}
