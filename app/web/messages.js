/** What the page says: the heading of the results, and the messages when there are no hits to show. */

/** @param {import("./query.js").Query} query @param {string} [likeTitle] the title of the product in `like`, if known */
export function headingOf({ text, picture, like }, likeTitle) {
  const words = text.trim() ? `“${text.trim()}”` : "";
  const model = picture ? "your picture" : (likeTitle ?? like);
  if (words && model) return `${words}, like ${model}`;
  return words || (model && `Like ${model}`) || "All products";
}

/** @param {import("./api.js").ApiError} error @returns {{symbol: string, title: string, text: string, small: string}} */
export function errorMessage(error) {
  const small = error.requestId ? `Request ${error.requestId}` : "";
  if (error.status === 0) {
    const text = "Check the connection and try again; your search is kept.";
    return { symbol: "pause", title: "The search cannot be reached", text, small };
  }
  if (error.passing) {
    const text = "This usually passes within a minute; your search is kept.";
    return { symbol: "pause", title: "The search is taking a short break", text, small };
  }
  const title = error.status >= 500 ? "Something went wrong on our side" : "This search cannot be answered";
  return { symbol: "pane", title, text: error.message, small };
}

/** @param {{filtered: boolean, browsing: boolean, degraded: boolean}} query `degraded`: part of it was not answered */
export function emptyMessage({ filtered, browsing, degraded }) {
  if (degraded) {
    const text = "Part of the search is resting, so matches may be missing. This usually passes within a minute.";
    return { symbol: "pause", title: "Nothing found for now", text };
  }
  if (filtered) {
    const text = "No product passes all the filters. Loosen one of them, or clear them all.";
    return { symbol: "pane", title: "Nothing matches these filters", text };
  }
  if (browsing) {
    const text = "It fills as soon as products are uploaded, for instance with “vitrine ingest products.csv”.";
    return { symbol: "pane", title: "This catalog is still empty", text };
  }
  return { symbol: "pane", title: "Nothing found", text: "Try other words, or another picture." };
}

export const NO_CATALOG = {
  symbol: "pane",
  title: "There is no catalog yet",
  text: "“vitrine ingest products.csv” makes one and fills it.",
};

/** @param {string} name */
export function unknownCatalog(name) {
  return { symbol: "pane", title: `There is no catalog “${name}”`, text: "It may have been renamed or removed." };
}
