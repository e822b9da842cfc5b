/** The catalogs there are, and the menu that chooses one of them. */

import { listCatalogs } from "./api.js";
import { byId, element } from "./dom.js";

/** @typedef {{name: string, attributes: Record<string, string>, products: number}} Catalog */

/** @param {(name: string) => void} onChoose */
export function createCatalogs(onChoose) {
  const menu = byId("catalogs");
  /** @type {Catalog[]} */
  let known = [];

  menu.addEventListener("change", () => onChoose(menu.value));

  /** Ask the service which there are. @param {AbortSignal} signal */
  async function load(signal) {
    known = await listCatalogs(signal);
    menu.replaceChildren(...known.map(({ name }) => element("option", { value: name }, name)));
    byId("catalog").hidden = known.length < 2;
  }

  /** @param {string} name @returns {Catalog|undefined} */
  const find = (name) => known.find((one) => one.name === name);

  return {
    load,
    find,
    /** An address without a catalog means `default`, or else the first there is. @param {string} name */
    orDefault: (name) => name || ((find("default") ?? known[0])?.name ?? ""),
    names: () => known.map(({ name }) => name),
    show: (name) => (menu.value = name),
  };
}
