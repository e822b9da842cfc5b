/** The storefront page: one query, kept in the address, and the answer to it. */

import { listCatalogs, search } from "./api.js";
import { pictureAddress } from "./card.js";
import { byId, element } from "./dom.js";
import { createFilters } from "./filters.js";
import { emptyMessage, errorMessage, headingOf, NO_CATALOG, unknownCatalog } from "./messages.js";
import { acceptPictures } from "./picture_input.js";
import { readPicture } from "./picture.js";
import { addressOf, browses, readQuery, requestOf } from "./query.js";
import { holdFocus, showHits, showLoading, showMessage } from "./results.js";
import { createSearchBox } from "./search_box.js";

const PAGE = 24; // hits: whole rows in two, three, four or six columns
const MAX_LIMIT = 100; // what the API gives at most

/** @type {{name: string, attributes: Record<string, string>, products: number}[]} */
let catalogs = [];
/** @type {import("./query.js").Query} */
let query = readQuery(location.search, history.state);
let declared = ""; // the catalog whose chips are shown
let typed = false; // whether the newest history entry came from typing, and more typing belongs to it
let running = new AbortController();
/** @type {Map<string, import("./card.js").Hit>} */
const seen = new Map();

const filters = createFilters(byId("filters"), (filter) => change({ filter }));
const box = createSearchBox({
  onText: (text, typing) => change({ text }, typing),
  onTokenEnd: () => change({ picture: null, like: "" }),
});

acceptPictures(async (file) => {
  try {
    change({ picture: await readPicture(file), like: "" });
  } catch (error) {
    running.abort();
    const message = { symbol: "picture", title: "This picture cannot be used", text: error.message };
    showMessage("Search with a picture", message, [{ label: "Back to the results", action: () => run() }]);
  }
});
addEventListener("popstate", () => {
  query = withCatalog(readQuery(location.search, history.state));
  typed = false;
  box.forget();
  run();
});
byId("catalogs").addEventListener("change", (event) => change({ catalog: event.target.value, filter: {}, like: "" }));
document.querySelector(".wordmark").addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  startOver();
});

/** Change the query, its address and the answer. @param {Partial<typeof query>} changes */
function change(changes, typing = false) {
  const before = addressOf(query, true);
  const picture = query.picture;
  query = { ...query, ...changes };
  if ("text" in changes) box.forget();
  if (before !== addressOf(query, true) || picture !== query.picture) {
    const replace = typing && typed;
    const entry = { picture: query.picture?.key };
    history[replace ? "replaceState" : "pushState"](entry, "", addressOf(query, catalogs.length > 1));
    scrollTo({ top: 0 });
  } else if (typing) {
    return; // a space at the end is no other query
  }
  typed = typing;
  run();
}

/** Ask for the query's answer and show it; a newer call makes this one's answer unwanted. */
async function run(limit = PAGE) {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  const asked = query;
  showControls();
  const catalog = catalogs.find((one) => one.name === asked.catalog);
  if (!catalog) return showNoCatalog();
  showLoading(heading(asked));
  try {
    const answer = await search(asked.catalog, requestOf(asked, limit), signal);
    if (!signal.aborted) showAnswer(answer, asked, catalog.attributes, limit);
  } catch (error) {
    if (signal.aborted) return undefined;
    const actions = [{ label: "Try again", action: () => run(limit) }];
    if (!browses(asked) || hasFilter(asked)) actions.push({ label: "Start over", action: startOver });
    showMessage(heading(asked), errorMessage(error), actions);
  }
  return undefined;
}

function showAnswer(answer, asked, attributes, limit) {
  const { hits } = answer;
  for (const hit of hits) seen.set(hit.product_id, hit);
  filters.learn(hits);
  showControls(); // a product known by its id alone may have come with its title
  if (!hits.length) {
    const actions = [];
    if (hasFilter(asked)) actions.push({ label: "Clear the filters", action: () => change({ filter: {} }) });
    if (!browses(asked)) actions.push({ label: "Show everything", action: startOver });
    showMessage(heading(asked), emptyMessage({ filtered: hasFilter(asked), browsing: browses(asked) }), actions);
    return;
  }
  const further = hits.length >= limit && limit < MAX_LIMIT && hits.length < answer.total.value;
  showHits(heading(asked), answer, {
    attributes,
    ranked: !browses(asked),
    onSimilar: (hit) => {
      holdFocus();
      change({ like: hit.product_id, picture: null, text: "" });
    },
    onMore: further ? () => run(Math.min(limit + PAGE, MAX_LIMIT)) : null,
  });
}

function showNoCatalog() {
  const others = catalogs.map(({ name }) => ({ label: `Open “${name}”`, action: () => change({ catalog: name }) }));
  showMessage("", catalogs.length ? unknownCatalog(query.catalog) : NO_CATALOG, others.slice(0, 3));
}

function showControls() {
  if (declared !== query.catalog) {
    declared = query.catalog;
    seen.clear();
    filters.declare(catalogs.find((one) => one.name === declared)?.attributes ?? {});
  }
  filters.show(query.filter);
  byId("catalogs").value = query.catalog;
  document.title = browses(query) ? "Vitrine" : `${heading(query)} – Vitrine`;
  if (query.picture) return box.show(query.text, { label: query.picture.name || "Your picture", picture: query.picture.preview });
  const hit = seen.get(query.like);
  const like = query.like ? { label: hit?.title ?? query.like, picture: hit ? pictureAddress(hit) : null } : null;
  return box.show(query.text, like);
}

const heading = (asked) => headingOf(asked, seen.get(asked.like)?.title);
const hasFilter = ({ filter }) => Object.keys(filter).length > 0;
const startOver = () => change({ text: "", picture: null, like: "", filter: {} });

/** An address without a catalog means `default`, or else the first there is. */
function withCatalog(given) {
  const first = catalogs.find((one) => one.name === "default") ?? catalogs[0];
  return { ...given, catalog: given.catalog || (first?.name ?? "") };
}

async function start() {
  showLoading("");
  try {
    catalogs = await listCatalogs();
  } catch (error) {
    showMessage("", errorMessage(error), [{ label: "Try again", action: start }]);
    return;
  }
  byId("catalogs").replaceChildren(...catalogs.map(({ name }) => element("option", { value: name }, name)));
  byId("catalog").hidden = catalogs.length < 2;
  query = withCatalog(query);
  run();
}

start();
