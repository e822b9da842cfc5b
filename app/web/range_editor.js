/** The popovers' content for numbers, datetimes and booleans. */

import { between, rangeEnds } from "./conditions.js";
import { element } from "./dom.js";

/**
 * Two bounds, either of which may stay empty.
 * @param {{type: "number"|"datetime", condition: unknown, onChange: (condition: unknown) => void}} options
 * @returns {HTMLElement} `onChange` is called once, when the form is applied
 */
export function rangeEditor({ type, condition, onChange }) {
  const ends = rangeEnds(condition, type);
  const dates = type === "datetime";
  const input = (value, autofocus) =>
    element("input", {
      class: "field",
      type: dates ? "date" : "number",
      step: dates ? null : "any",
      inputmode: dates ? null : "decimal",
      value,
      autofocus,
    });
  const from = input(ends.from, true);
  const to = input(ends.to, false);
  const problem = element("p", { class: "problem", role: "alert" });

  function apply(event) {
    event.preventDefault();
    const backwards = dates ? from.value > to.value : Number(from.value) > Number(to.value);
    if (from.value !== "" && to.value !== "" && backwards) {
      problem.textContent = dates ? "The first day is after the last." : "The minimum is above the maximum.";
      return;
    }
    onChange(between(from.value, to.value, type));
  }

  return element(
    "form",
    { class: "editor", novalidate: true, onsubmit: apply },
    element(
      "div",
      { class: "ends" },
      element("label", {}, dates ? "From" : "Minimum", from),
      element("label", {}, dates ? "To" : "Maximum", to),
    ),
    problem,
    element("button", { class: "button primary", type: "submit" }, "Apply"),
  );
}

/**
 * Yes, no, or any.
 * @param {{label: string, condition: unknown, onChange: (condition: unknown) => void}} options
 * @returns {HTMLElement}
 */
export function booleanEditor({ label, condition, onChange }) {
  const choices = { Any: undefined, Yes: true, No: false };
  const radios = Object.entries(choices).map(([word, value]) => {
    const checked = condition === value;
    const radio = element("input", { type: "radio", name: label, class: "unseen", checked, autofocus: checked });
    radio.addEventListener("change", () => onChange(value));
    return element("label", {}, radio, element("span", {}, word));
  });
  return element("div", { class: "editor" }, element("fieldset", { class: "switch", "aria-label": label }, ...radios));
}
