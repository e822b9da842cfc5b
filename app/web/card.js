/** One hit in the grid. */

import { element, icon } from "./dom.js";
import { attributeLabel, formatPrice, formatScore } from "./format.js";

const FACTS = 3; // keyword values under a title: a line of a card

/**
 * @typedef {{product_id: string, score: number|null, title: string, attributes: Record<string, unknown>,
 *   images: {url?: string, width?: number, height?: number}[], matched_image?: {position: number, url: string}}} Hit
 */

/**
 * @param {Hit} hit
 * @param {{attributes: Record<string, string>, best: number, onSimilar: (hit: Hit) => void}} options
 *   `best` is the score of the first hit, or 0 when nothing is ranked
 * @returns {HTMLElement}
 */
export function createCard(hit, { attributes, best, onSimilar }) {
  const similar = element(
    "button",
    { type: "button", class: "similar", onclick: () => onSimilar(hit), "aria-label": `More like ${hit.title}` },
    icon("similar"),
    element("span", {}, "More like this"),
  );
  return element(
    "li",
    { class: "card", "data-product": hit.product_id },
    element("div", { class: "tile" }, pictureOf(hit), badgeOf(hit), similar),
    element("h2", {}, hit.title),
    factsOf(hit, attributes),
    element("p", { class: "figures" }, priceOf(hit, attributes), best > 0 ? scoreOf(hit.score, best) : null),
  );
}

/** The address of the picture that matched, else of the first that could be read. @param {Hit} hit */
export function pictureAddress(hit) {
  return hit.matched_image?.url ?? hit.images.find((image) => image.url)?.url ?? null;
}

function pictureOf(hit) {
  const address = pictureAddress(hit);
  const missing = () => element("span", { class: "missing" }, icon("picture"), "No picture");
  if (!address) return missing();
  const size = hit.images.find((image) => image.url === address) ?? {};
  const attributes = { src: address, alt: "", width: size.width, height: size.height };
  const picture = element("img", { ...attributes, loading: "lazy", decoding: "async", draggable: "false" });
  picture.addEventListener("error", () => picture.replaceWith(missing()));
  return picture;
}

function badgeOf(hit) {
  if (!hit.matched_image || hit.images.length < 2) return null;
  return element("span", { class: "badge" }, `Picture ${hit.matched_image.position + 1} of ${hit.images.length}`);
}

function factsOf(hit, attributes) {
  const names = Object.keys(attributes).filter((name) => attributes[name] === "keyword" && hit.attributes[name]);
  const facts = names.slice(0, FACTS).map((name) => hit.attributes[name]);
  const title = names.map((name) => `${attributeLabel(name)}: ${hit.attributes[name]}`).join("\n");
  return facts.length ? element("p", { class: "facts", title }, facts.join(" · ")) : null;
}

function priceOf(hit, attributes) {
  const name = Object.keys(attributes).find((one) => one.toLowerCase() === "price" && attributes[one] === "number");
  const price = hit.attributes[name];
  return typeof price === "number" ? element("span", { class: "price" }, formatPrice(price)) : null;
}

function scoreOf(score, best) {
  const bar = element("span", { class: "score-bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", String(Math.max(0, Math.min(1, score / best))));
  const words = [element("span", { class: "unseen" }, "Score "), formatScore(score)];
  return element("span", { class: "score", title: "Score: higher matches better" }, bar, ...words);
}
