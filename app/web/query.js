/** What is searched for, and its two forms: the page's address and the body of a request. */

import { recallPicture } from "./picture.js";

/**
 * @typedef {object} Query
 * @property {string} catalog
 * @property {string} text
 * @property {string} like a product_id whose pictures are searched with, or ""
 * @property {import("./picture.js").Picture|null} picture
 * @property {Record<string, unknown>} filter in the API's own form
 */

/**
 * Read the query of an address. A picture is too large for an address: the history entry holds its key.
 * @param {string} search as in `location.search` @param {{picture?: string}|null} state @returns {Query}
 */
export function readQuery(search, state) {
  const given = new URLSearchParams(search);
  return {
    catalog: given.get("catalog") ?? "",
    text: given.get("q") ?? "",
    like: given.get("like") ?? "",
    picture: recallPicture(state?.picture),
    filter: readFilter(given.get("filter")),
  };
}

/** @param {Query} query @param {boolean} withCatalog @returns {string} */
export function addressOf(query, withCatalog) {
  const parts = new URLSearchParams();
  if (withCatalog) parts.set("catalog", query.catalog);
  if (query.text.trim()) parts.set("q", query.text.trim());
  if (query.like) parts.set("like", query.like);
  if (Object.keys(query.filter).length) parts.set("filter", JSON.stringify(query.filter));
  return parts.size ? `?${parts}` : location.pathname;
}

/** @param {Query} query @param {number} limit @returns {object} */
export function requestOf(query, limit) {
  const request = { limit };
  if (query.text.trim()) request.text = query.text.trim();
  if (query.picture) request.image = { data: query.picture.data };
  else if (query.like) request.image = { product_id: query.like };
  if (Object.keys(query.filter).length) request.filter = query.filter;
  return request;
}

/** What asks for the hits that follow an answer. @param {string} cursor @param {number} limit @returns {object} */
export const requestAfter = (cursor, limit) => ({ cursor, limit });

/** Whether there is nothing to rank by. @param {Query} query */
export const browses = (query) => !query.text.trim() && !query.picture && !query.like;

function readFilter(text) {
  try {
    const filter = JSON.parse(text ?? "{}");
    return filter && typeof filter === "object" && !Array.isArray(filter) ? filter : {};
  } catch {
    return {}; // an address cut short on its way: what can be read of it still searches
  }
}
