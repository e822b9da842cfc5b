/** What one attribute must satisfy, between the API's form (`"red"`, `{"in": […]}`, `{"gte": 10}`) and the chips'. */

import { formatNumber } from "./format.js";

/** Types a chip can be made for; the rest (`text`) is prose, which no one filters by equality. */
export const FILTERABLE = ["keyword", "keyword[]", "number", "boolean", "datetime"];

const END_OF_DAY = "T23:59:59.999999Z"; // datetimes are kept to the microsecond
const SIGNS = { gt: ">", gte: "≥", lt: "<", lte: "≤" };

/** @param {unknown} condition @returns {string[]} */
export function chosenValues(condition) {
  if (typeof condition === "string") return [condition];
  return Array.isArray(condition?.in) ? condition.in.map(String) : [];
}

/** @param {string[]} values @returns {unknown} undefined when nothing is asked */
export function oneOf(values) {
  return values.length > 1 ? { in: values } : values[0];
}

/** @param {unknown} condition @returns {{from: string, to: string}} as the two inputs of a range show them */
export function rangeEnds(condition, type) {
  const written = (bound) => (bound == null ? "" : type === "datetime" ? String(bound).slice(0, 10) : String(bound));
  return { from: written(condition?.gte ?? condition?.gt), to: written(condition?.lte ?? condition?.lt) };
}

/** Both ends belong to the range; a day belongs to it whole. @returns {unknown} undefined when nothing is asked */
export function between(from, to, type) {
  const condition = {};
  if (from !== "") condition.gte = type === "datetime" ? `${from}T00:00:00Z` : Number(from);
  if (to !== "") condition.lte = type === "datetime" ? `${to}${END_OF_DAY}` : Number(to);
  return from === "" && to === "" ? undefined : condition;
}

/** The condition in a chip's few words. @param {unknown} condition @param {string} type @returns {string} */
export function describe(condition, type) {
  if (typeof condition === "boolean") return condition ? "Yes" : "No";
  const values = chosenValues(condition);
  if (values.length) return values.length > 2 ? `${values.slice(0, 2).join(", ")} +${values.length - 2}` : values.join(", ");
  if (typeof condition !== "object" || condition === null) return String(condition);
  const bounds = Object.keys(condition);
  if (!bounds.length || !bounds.every((bound) => bound in SIGNS)) return JSON.stringify(condition);
  const written = (bound) =>
    type === "number" ? formatNumber(condition[bound]) : String(condition[bound]).slice(0, 10);
  if ("gte" in condition && "lte" in condition) return `${written("gte")} – ${written("lte")}`;
  return bounds.map((bound) => `${SIGNS[bound]} ${written(bound)}`).join(", ");
}
