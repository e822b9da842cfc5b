/** The popover's content for a keyword: its values in a listbox, with how many products have each, and room for any other. */

import { element, icon } from "./dom.js";
import { formatNumber } from "./format.js";

const MAX_SHOWN = 200; // options; beyond that one types
let editors = 0;

/**
 * The focus stays in the text box, which narrows the list; arrow keys walk it, Enter chooses.
 * @typedef {Map<string, number|null>} Counts products by value, or null where that is not known
 * @param {{label: string, values: string[], counts: Promise<Counts>, chosen: string[], onChange: (chosen: string[]) => void}} options
 *   `values` are shown until `counts` has come, and beside it
 * @returns {HTMLElement}
 */
export function keywordEditor({ label, values, counts, chosen, onChange }) {
  const id = `keyword-${(editors += 1)}`;
  let known = inOrder([...values, ...chosen]);
  let products = new Map();
  const list = element("ul", { role: "listbox", id, "aria-label": label, "aria-multiselectable": "true" });
  const box = element("input", {
    type: "text",
    role: "combobox",
    class: "field",
    placeholder: "Find or enter a value",
    autocomplete: "off",
    "aria-label": `Find or enter a value of ${label}`,
    "aria-expanded": "true",
    "aria-controls": id,
    autofocus: matchMedia("(hover: hover)").matches, // on a touch screen it would raise the keyboard over the list
  });
  let active = 0;

  function render() {
    const typed = box.value.trim();
    const shown = known.filter((value) => value.toLowerCase().includes(typed.toLowerCase())).slice(0, MAX_SHOWN);
    if (typed && !known.includes(typed)) shown.push(typed);
    active = Math.max(0, Math.min(active, shown.length - 1));
    list.replaceChildren(...shown.map(option));
    if (!shown.length) list.append(element("li", { class: "none", role: "presentation" }, "No values seen yet"));
    else box.setAttribute("aria-activedescendant", `${id}-${active}`);
  }

  function option(value, place) {
    return element(
      "li",
      {
        role: "option",
        id: `${id}-${place}`,
        class: place === active ? "active" : null,
        "aria-selected": String(chosen.includes(value)),
        "data-value": value,
        onclick: () => toggle(value),
      },
      element("span", {}, known.includes(value) ? value : `Use “${value}”`),
      " ",
      products.has(value) ? element("span", { class: "many" }, formatNumber(products.get(value))) : null,
      icon("check"),
    );
  }

  function toggle(value) {
    chosen = chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value];
    if (!known.includes(value)) {
      known.push(value);
      box.value = "";
      active = known.length - 1;
    }
    render();
    onChange(chosen);
  }

  box.addEventListener("input", () => {
    active = 0;
    render();
  });
  box.addEventListener("keydown", (event) => {
    const options = list.querySelectorAll("[role=option]");
    const moves = { ArrowDown: active + 1, ArrowUp: active - 1 + options.length };
    if (event.key === "Enter") {
      event.preventDefault();
      if (options[active]) toggle(options[active].dataset.value);
    } else if (event.key in moves && options.length) {
      event.preventDefault();
      active = moves[event.key] % options.length;
      render();
      list.children[active].scrollIntoView({ block: "nearest" });
    }
  });

  counts.then((found) => {
    known = inOrder([...known, ...found.keys()]);
    products = new Map([...found].filter(([, many]) => many !== null));
    render();
  });
  render();
  return element("div", { class: "editor" }, box, list);
}

const inOrder = (values) => [...new Set(values)].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
