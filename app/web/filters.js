/** The row of filter chips: one for each declared attribute that can be filtered by. */

import { createChip, createFixedChip } from "./chip.js";
import { FILTERABLE } from "./conditions.js";
import { element } from "./dom.js";

const SHOWN = 8; // chips before the rest waits behind a button: about one row of a desktop window
const RESERVED = ["not", "any"]; // words of the filter's language; attributes of these names cannot be filtered by
const MAX_VALUES = 1_000; // remembered for an attribute: an identifier declared as keyword has no end of them

/**
 * @param {HTMLElement} row
 * @param {(filter: Record<string, unknown>) => void} onChange
 * @param {(name: string) => Promise<import("./keyword_editor.js").Counts>} countsOf
 */
export function createFilters(row, onChange, countsOf) {
  /** @type {Map<string, ReturnType<typeof createChip>>} */
  let chips = new Map();
  /** @type {Map<string, Set<string>>} */
  let seen = new Map();
  let filter = {};
  let unfolded = false;

  const unfold = element("button", { type: "button", class: "plain", onclick: showAll });
  const clear = element("button", { type: "button", class: "plain", onclick: clearAll }, "Clear all");

  function change(name, condition) {
    const { [name]: _, ...others } = filter;
    onChange(condition === undefined ? others : { ...others, [name]: condition });
  }

  function end(name) {
    change(name, undefined);
    row.querySelector("button")?.focus();
  }

  function clearAll() {
    onChange({});
    row.querySelector("button")?.focus();
  }

  function showAll() {
    const next = row.querySelector(".chip[hidden] button");
    unfolded = true;
    show(filter);
    next?.focus();
  }

  /** Make the chips of a catalog. @param {Record<string, string>} attributes name → type */
  function declare(attributes) {
    const names = Object.keys(attributes).filter(
      (name) => FILTERABLE.includes(attributes[name]) && !RESERVED.includes(name),
    );
    seen = new Map(names.filter((name) => attributes[name].startsWith("keyword")).map((name) => [name, new Set()]));
    chips = new Map(names.map((name) => [name, chipOf(name, attributes[name])]));
    unfolded = false;
    row.replaceChildren(...[...chips.values()].map((chip) => chip.node), unfold, clear);
  }

  function chipOf(name, type) {
    const values = () => [...(seen.get(name) ?? [])];
    const counts = () => countsOf(name);
    return createChip({ name, type, values, counts, onChange: (condition) => change(name, condition) });
  }

  /** Remember the values of the hits, to be offered. @param {{attributes: Record<string, unknown>}[]} hits */
  function learn(hits) {
    for (const [name, values] of seen) {
      for (const value of hits.flatMap((hit) => hit.attributes[name] ?? [])) {
        if (values.size < MAX_VALUES) values.add(value);
      }
    }
  }

  /** @param {Record<string, unknown>} current */
  function show(current) {
    filter = current;
    let place = 0;
    for (const [name, chip] of chips) {
      const condition = Object.hasOwn(filter, name) ? filter[name] : undefined;
      chip.show(condition);
      chip.node.hidden = !unfolded && place >= SHOWN && condition === undefined;
      place += 1;
    }
    for (const node of row.querySelectorAll(".fixed")) node.remove();
    const fixed = Object.keys(filter).filter((name) => !chips.has(name));
    unfold.before(...fixed.map((name) => createFixedChip(name, filter[name], () => end(name))));
    const folded = row.querySelectorAll(".chip[hidden]").length;
    unfold.hidden = folded === 0;
    unfold.textContent = `${folded} more`;
    clear.hidden = Object.keys(filter).length === 0;
    row.hidden = chips.size + fixed.length === 0;
  }

  return { declare, learn, show };
}
