/** The storefront page: one query, kept in the address, and the answer to it. */

import { search } from "./api.js";
import { pictureAddress } from "./card.js";
import { createCatalogs } from "./catalogs.js";
import { byId } from "./dom.js";
import { createFilters } from "./filters.js";
import { emptyMessage, errorMessage, headingOf, NO_CATALOG, unknownCatalog } from "./messages.js";
import { acceptPictures } from "./picture_input.js";
import { readPicture } from "./picture.js";
import { addressOf, browses, readQuery, requestAfter, requestOf } from "./query.js";
import { holdFocus, showHits, showLoading, showMessage } from "./results.js";
import { createSearchBox } from "./search_box.js";

const PAGE = 24; // hits: whole rows in two, three, four or six columns

let query = readQuery(location.search, history.state);
/** @type {import("./catalogs.js").Catalog|undefined} */
let declared; // the catalog whose chips are shown
let typed = false; // whether the newest history entry came from typing, and more typing belongs to it
let running = new AbortController();
let reading = 0; // counts the files taken and let go: only the newest is still wanted once it has been read
/** @type {Map<string, import("./card.js").Hit>} */
const seen = new Map();

const catalogs = createCatalogs((catalog) => change({ catalog, filter: {}, like: "" }));
const filters = createFilters(byId("filters"), (filter) => change({ filter }), countsOf);
const box = createSearchBox({
  onText: (text, typing) => change({ text }, typing),
  onTokenEnd: () => change({ picture: null, like: "" }),
});

acceptPictures(async (file) => {
  const place = (reading += 1);
  try {
    const picture = await readPicture(file);
    if (place === reading) change({ picture, like: "" });
  } catch (error) {
    const { picture, like } = query;
    if (place === reading) refusePicture(error, () => change({ picture, like }), false);
  }
});
addEventListener("popstate", () => {
  query = withCatalog(readQuery(location.search, history.state));
  reading += 1;
  typed = false;
  box.forget();
  run();
});
document.querySelector(".wordmark").addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  startOver();
});

/** Change the query, its address and the answer. @param {Partial<typeof query>} changes */
function change(changes, typing = false) {
  if ("text" in changes) box.forget();
  const differs = adopt(changes, typing && typed);
  if (typing && !differs) return; // a space at the end is no other query
  typed = typing;
  run();
}

/** Change the query and its address. @returns {boolean} whether that is another query */
function adopt(changes, replace) {
  const before = addressOf(query, true);
  const picture = query.picture;
  query = { ...query, ...changes };
  if ("picture" in changes) reading += 1;
  if (before === addressOf(query, true) && picture === query.picture) return false;
  const entry = { picture: query.picture?.key };
  history[replace ? "replaceState" : "pushState"](entry, "", addressOf(query, catalogs.names().length > 1));
  scrollTo({ top: 0 });
  return true;
}

/**
 * Ask for the query's answer and show it; a newer call makes this one's answer unwanted.
 * @param {object|null} before an answer that is shown, to go on with
 */
async function run(before = null) {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  showControls();
  showLoading(heading(query));
  try {
    if (!catalogs.find(query.catalog)) await learnCatalogs(signal);
    const catalog = catalogs.find(query.catalog);
    if (!catalog) return showNoCatalog();
    const asked = query;
    const request = before ? requestAfter(before.cursor, PAGE) : requestOf(asked, PAGE);
    const answer = await search(asked.catalog, request, signal);
    const hits = [...(before?.hits ?? []), ...answer.hits];
    if (!signal.aborted) showAnswer({ ...answer, hits }, asked, catalog.attributes);
  } catch (error) {
    if (!signal.aborted) showError(error, before);
  }
  return undefined;
}

/** On the first search, on the next one after the service was down, and where a catalog may have been made since. */
async function learnCatalogs(signal) {
  await catalogs.load(signal);
  signal.throwIfAborted();
  query = withCatalog(query);
  showControls();
}

function showAnswer(answer, asked, attributes) {
  const { hits } = answer;
  for (const hit of hits) seen.set(hit.product_id, hit);
  filters.learn(hits);
  showControls(); // a product known by its id alone may have come with its title
  if (!hits.length) {
    const actions = [];
    if (hasFilter(asked)) actions.push({ label: "Clear the filters", action: () => change({ filter: {} }) });
    if (!browses(asked)) actions.push({ label: "Show everything", action: startOver });
    const degraded = Boolean(answer.degraded?.length);
    const message = emptyMessage({ filtered: hasFilter(asked), browsing: browses(asked), degraded });
    showMessage(heading(asked), message, actions);
    return;
  }
  showHits(heading(asked), answer, {
    attributes,
    ranked: !browses(asked),
    onSimilar: (hit) => {
      holdFocus();
      change({ like: hit.product_id, picture: null, text: "" });
    },
    onMore: answer.cursor ? () => run(answer) : null,
  });
}

/**
 * The values of an attribute among what passes the other conditions. How many products have each is told where all of
 * them are shown: of what words or a picture find, the hundred nearest are, whatever the condition.
 * @param {string} name @returns {Promise<import("./keyword_editor.js").Counts>}
 */
async function countsOf(name) {
  const { [name]: _, ...filter } = query.filter;
  const shown = browses(query);
  try {
    const answer = await search(query.catalog, { filter, facets: [name], limit: 1 });
    return new Map(Object.entries(answer.facets[name]).map(([value, many]) => [value, shown ? many : null]));
  } catch {
    return new Map(); // what was seen so far is offered, and any other value can be entered
  }
}

function showError(error, before) {
  if (error.refusesCursor) return run();
  if (error.refusesPicture && query.picture) return refusePicture(error, () => run(), true);
  const actions = [{ label: "Try again", action: () => run(before) }];
  if (!browses(query) || hasFilter(query)) actions.push({ label: "Start over", action: startOver });
  return showMessage(heading(query), errorMessage(error), actions);
}

/**
 * Tell why. No picture is searched with then, and no token may say so: neither of this one nor of one before it.
 * @param {Error} error @param {() => void} back
 * @param {boolean} replace the history entry, which has the picture: else going back would only be refused again
 */
function refusePicture({ message }, back, replace) {
  running.abort();
  adopt({ picture: null, like: "" }, replace);
  typed = false;
  showControls();
  const told = { symbol: "picture", title: "This picture cannot be used", text: message };
  showMessage("Search with a picture", told, [{ label: "Back to the results", action: back }]);
}

function showNoCatalog() {
  const names = catalogs.names();
  const others = names.map((catalog) => ({ label: `Open “${catalog}”`, action: () => change({ catalog }) }));
  showMessage("", names.length ? unknownCatalog(query.catalog) : NO_CATALOG, others.slice(0, 3));
}

function showControls() {
  const catalog = catalogs.find(query.catalog);
  if (declared !== catalog) {
    declared = catalog;
    seen.clear();
    filters.declare(catalog?.attributes ?? {});
  }
  filters.show(catalog ? query.filter : {});
  catalogs.show(query.catalog);
  document.title = browses(query) ? "Vitrine" : `${heading(query)} – Vitrine`;
  if (query.picture) return box.show(query.text, { label: query.picture.name || "Your picture", picture: query.picture.preview });
  const hit = seen.get(query.like);
  const like = query.like ? { label: hit?.title ?? query.like, picture: hit ? pictureAddress(hit) : null } : null;
  return box.show(query.text, like);
}

const heading = (asked) => headingOf(asked, seen.get(asked.like)?.title);
const hasFilter = ({ filter }) => Object.keys(filter).length > 0;
const startOver = () => change({ text: "", picture: null, like: "", filter: {} });
const withCatalog = (given) => ({ ...given, catalog: catalogs.orDefault(given.catalog) });

run();
