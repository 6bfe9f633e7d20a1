// The most probable filling of a text: the words of all blanks, and the text that they make.

/** The word of each blank: the best words together where there are several blanks, which need not be the best of each. */
export const bestFilling = ({ joint, blanks }) => (joint ? joint[0].filled : blanks.map((blank) => blank.predictions[0].filled));

/** [text, filling, text, filling, ..., text]: the fillings stand at the odd places. */
export function filledParts(result) {
  const characters = Array.from(result.text); // offsets count code points
  const words = bestFilling(result);
  const parts = [];
  let place = 0;
  result.blanks.forEach((blank, index) => {
    parts.push(characters.slice(place, blank.start).join(""), words[index]);
    place = blank.end;
  });
  return [...parts, characters.slice(place).join("")];
}
