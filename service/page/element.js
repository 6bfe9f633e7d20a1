// Makes elements from names, properties and children; text is never read as markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** A new element: properties, then children (nodes or text). */
export function element(name, properties = {}, ...children) {
  const { dataset, ...rest } = properties;
  const made = Object.assign(document.createElement(name), rest);
  Object.assign(made.dataset, dataset);
  made.append(...children);
  return made;
}

/** A new SVG element: attributes, then children. */
export function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** What only a screen reader says. */
export const unseen = (text) => element("span", { className: "unseen" }, text);

export const percent = (probability) => `${(100 * probability).toFixed(1)} %`;

/** A number with a true minus sign, two decimals unless told. */
export const signed = (value, decimals = 2) => value.toFixed(decimals).replace("-", "−");
