/** One filter chip: a button that opens the attribute's popover, and while a condition holds, a button that ends it. */

import { chosenValues, describe, oneOf } from "./conditions.js";
import { element, icon } from "./dom.js";
import { attributeLabel } from "./format.js";
import { keywordEditor } from "./keyword_editor.js";
import { booleanEditor, rangeEditor } from "./range_editor.js";

const GAP = 8; // pixels between a chip and its popover, and between a popover and the window's edge

/**
 * @param {object} options
 * @param {string} options.name
 * @param {string} options.type
 * @param {() => string[]} options.values those to offer for a keyword at once
 * @param {() => Promise<import("./keyword_editor.js").Counts>} options.counts those to offer in a moment
 * @param {(condition: unknown) => void} options.onChange gets undefined when the condition ends
 * @returns {{node: HTMLElement, show: (condition: unknown) => void}}
 */
export function createChip({ name, type, values, counts, onChange }) {
  const label = attributeLabel(name);
  const id = `filter-${encodeURIComponent(name)}`;
  let condition;

  const words = element("span", { class: "chip-label" }, label);
  const open = element("button", { type: "button", popovertarget: id, "aria-haspopup": "dialog" }, words, icon("down"));
  const end = element("button", { type: "button", class: "end", hidden: true, onclick: clear }, icon("close"));
  end.setAttribute("aria-label", `Remove the filter ${label}`);
  const popover = element("div", { id, popover: "auto", class: "popover", role: "dialog", "aria-label": label });
  const node = element("div", { class: "chip", "data-attribute": name }, open, end, popover);

  popover.addEventListener("beforetoggle", (event) => {
    if (event.newState !== "open") return;
    popover.replaceChildren(element("p", { class: "popover-title" }, label), editor());
    place(popover, open);
  });

  function clear() {
    onChange(undefined);
    open.focus();
  }

  function editor() {
    if (type === "boolean") return booleanEditor({ label, condition, onChange });
    if (type === "number" || type === "datetime") return rangeEditor({ type, condition, onChange: apply });
    const chosen = chosenValues(condition);
    const change = (list) => onChange(oneOf(list));
    return keywordEditor({ label, values: values(), counts: counts(), chosen, onChange: change });
  }

  function apply(changed) {
    popover.hidePopover();
    onChange(changed);
  }

  function show(current) {
    condition = current;
    const active = condition !== undefined;
    node.classList.toggle("on", active);
    end.hidden = !active;
    words.textContent = active ? `${label}: ${describe(condition, type)}` : label;
  }

  return { node, show };
}

/** A chip for a condition of the address that no popover can edit, such as `not`: it can be read and removed. */
export function createFixedChip(name, condition, onEnd) {
  const end = element("button", { type: "button", class: "end", onclick: onEnd }, icon("close"));
  end.setAttribute("aria-label", `Remove the filter ${name}`);
  return element(
    "div",
    { class: "chip on fixed", "data-attribute": name },
    element("span", { class: "chip-label" }, `${attributeLabel(name)}: ${JSON.stringify(condition)}`),
    end,
  );
}

/** Below the chip, inside the window; on narrow screens the style sheet makes it a sheet at the bottom instead. */
function place(popover, chip) {
  const box = chip.getBoundingClientRect();
  const width = parseFloat(getComputedStyle(popover).getPropertyValue("--width"));
  const left = Math.max(GAP, Math.min(box.left, document.documentElement.clientWidth - width - GAP));
  popover.style.setProperty("--left", `${left + scrollX}px`);
  popover.style.setProperty("--top", `${box.bottom + scrollY + GAP}px`);
}
