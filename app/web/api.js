/** The calls of the HTTP API this page makes. */

/** An answer that is not 2xx, or none at all (`status` 0). */
export class ApiError extends Error {
  /** @param {number} status @param {{title?: string, detail?: string, code?: string, request_id?: string}} problem */
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `The service answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? "";
    this.requestId = problem.request_id ?? "";
  }

  /** Whether the same request may well succeed in a moment. */
  get passing() {
    return [429, 502, 503, 504].includes(this.status);
  }

  /** Whether the answer that was gone on with is too old by now. */
  get refusesCursor() {
    return ["bad_cursor", "cursor_expired"].includes(this.code);
  }

  /** Whether it is the picture that cannot be searched with. */
  get refusesPicture() {
    return this.status >= 400 && this.status < 500 && this.code.startsWith("image_");
  }
}

/** @param {AbortSignal} [signal] */
export async function listCatalogs(signal) {
  return (await call("/v1/catalogs", { signal })).catalogs;
}

/** @param {string} catalog @param {object} request the body of a search @param {AbortSignal} [signal] */
export function search(catalog, request, signal) {
  return call(`/v1/catalogs/${encodeURIComponent(catalog)}/search`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(request),
    signal,
  });
}

async function call(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { detail: "The service cannot be reached." });
  }
  const body = await answer.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    return null; // a proxy's page of HTML, or a connection that broke off
  });
  if (!answer.ok || body === null) throw new ApiError(answer.ok ? 502 : answer.status, body ?? {});
  return body;
}
