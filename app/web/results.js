/** The results: heading, count, grid, and what stands there instead while loading, when nothing is found, or on error. */

import { createCard } from "./card.js";
import { byId, element, icon } from "./dom.js";
import { formatNumber, plural } from "./format.js";

const SKELETONS = 12;

const section = byId("results");
const grid = byId("grid");
const state = byId("state");
const more = byId("more");
const note = byId("note");

/** Say that an answer is awaited; what was shown last stays until it comes, dimmed. @param {string} heading */
export function showLoading(heading) {
  section.setAttribute("aria-busy", "true");
  document.body.classList.add("busy");
  if (grid.querySelector("[data-product]")) return;
  byId("heading").textContent = heading;
  byId("count").textContent = "";
  state.hidden = true;
  const blank = () => element("li", { class: "card skeleton", "aria-hidden": "true" }, element("div", { class: "tile" }));
  grid.replaceChildren(...Array.from({ length: SKELETONS }, blank));
  grid.hidden = false;
}

/**
 * @param {string} heading
 * @param {object} answer of a search, with at least one hit
 * @param {{attributes: Record<string, string>, ranked: boolean, onSimilar: Function, onMore: Function|null}} options
 */
export function showHits(heading, answer, { attributes, ranked, onSimilar, onMore }) {
  settle(heading, countOf(answer));
  const best = ranked ? answer.hits[0].score : 0;
  grid.style.setProperty("--ratio", String(tileRatio(answer.hits)));
  const cards = answer.hits.map((hit) => createCard(hit, { attributes, best, onSimilar }));
  keepCommonStart(cards);
  grid.hidden = false;
  byId("timings").textContent = timingsOf(answer);
  note.hidden = !answer.degraded?.length;
  note.textContent = "Part of the search is resting, so some matches may be missing here.";
  note.title = answer.degraded?.map((part) => (typeof part === "string" ? part : JSON.stringify(part))).join(", ") ?? "";
  more.replaceChildren(...[moreOf(answer, onMore)].filter(Boolean));
  more.hidden = !more.childElementCount;
}

/**
 * Show a message in place of hits.
 * @param {string} heading
 * @param {{symbol: string, title: string, text: string, small?: string}} message
 * @param {{label: string, action: () => void}[]} actions
 */
export function showMessage(heading, { symbol, title, text, small = "" }, actions) {
  settle(heading, title);
  byId("count").classList.add("unseen"); // it is announced; on the screen the message says it
  const buttons = actions.map(({ label, action }, place) => {
    const onclick = () => {
      holdFocus();
      action();
    };
    return element("button", { type: "button", class: place ? "button" : "button primary", onclick }, label);
  });
  state.replaceChildren(
    icon(symbol),
    element("h2", {}, title),
    element("p", {}, text),
    element("div", { class: "actions" }, ...buttons),
    element("p", { class: "small" }, small),
  );
  state.hidden = false;
  grid.replaceChildren();
  grid.hidden = more.hidden = note.hidden = true;
  byId("timings").textContent = "";
}

/** Keep the focus in the results when the button that has it is about to go. */
export function holdFocus() {
  section.focus({ preventScroll: true });
}

function settle(heading, count) {
  byId("heading").textContent = heading;
  byId("count").textContent = count;
  byId("count").classList.remove("unseen");
  section.setAttribute("aria-busy", "false");
  document.body.classList.remove("busy");
  state.hidden = true;
}

/** Leave in place the cards that stay where they are, so that a longer list does not blink or lose the focus. */
function keepCommonStart(cards) {
  const content = (card) => [card.dataset.product, card.textContent, card.querySelector("img")?.src].join("\n");
  const same = (old, card) => old && content(old) === content(card);
  let kept = 0;
  while (kept < cards.length && same(grid.children[kept], cards[kept])) kept += 1;
  while (grid.children.length > kept) grid.lastElementChild.remove();
  grid.append(...cards.slice(kept));
}

/** Width to height of every tile: the median picture's, between a portrait 3:4 and a square. */
function tileRatio(hits) {
  const sized = hits.map((hit) => hit.images.find((image) => image.width && image.height)).filter(Boolean);
  const ratios = sized.map((image) => image.width / image.height).sort((a, b) => a - b);
  return Math.max(0.75, Math.min(1, ratios[Math.floor(ratios.length / 2)] ?? 1));
}

function countOf({ hits, total }) {
  if (hits.length >= total.value) return plural(hits.length, "product", "products");
  const all = plural(total.value, "product", "products");
  return `${formatNumber(hits.length)} of ${total.exact ? all : `about ${all}`}`;
}

function timingsOf({ timings_ms: timings, build }) {
  const parts = [timings?.total != null ? `Found in ${formatNumber(Math.round(timings.total))} ms` : null];
  if (build) parts.push(`build ${build.id}`, String(build.encoder));
  return parts.filter(Boolean).join(" · ");
}

function moreOf({ hits, total }, onMore) {
  if (onMore) return element("button", { type: "button", class: "button", onclick: onMore }, "Show more");
  if (hits.length >= total.value) return null;
  return element("p", {}, `The first ${hits.length} are shown; add words or a filter to see others.`);
}
