/** The search box: words, and the picture or product that is searched with, as a token. */

import { byId, element, icon } from "./dom.js";

const PAUSE_MS = 250; // after the last key: longer than between two keys, shorter than one notices

/**
 * @param {{onText: (text: string, typing: boolean) => void, onTokenEnd: () => void}} options
 *   `typing` is true while more keys may follow, false after Enter
 */
export function createSearchBox({ onText, onTokenEnd }) {
  const form = byId("search");
  const box = byId("words");
  const token = byId("token");
  let timer = 0;
  let writing = false; // what stands in the box is newer than the query

  box.addEventListener("input", (event) => {
    forget();
    writing = true;
    if (!event.isComposing) timer = setTimeout(deliver, PAUSE_MS, true);
  });
  box.addEventListener("compositionend", () => {
    timer = setTimeout(deliver, PAUSE_MS, true);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    deliver(false);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Backspace" && !token.hidden && box.selectionEnd === 0) onTokenEnd();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, [popover]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    box.focus();
    box.select();
  });

  function deliver(typing) {
    forget();
    onText(box.value, typing);
  }

  /** Let what is being written go: the query gets its words from elsewhere. */
  function forget() {
    clearTimeout(timer);
    writing = false;
  }

  /** @param {string} text @param {{label: string, picture: string|null}|null} held */
  function show(text, held) {
    if (!writing && box.value.trim() !== text.trim()) box.value = text;
    box.placeholder = held ? "Add words" : "Search by words or by picture";
    token.hidden = !held;
    if (!held) return token.replaceChildren();
    const end = element("button", { type: "button", onclick: endToken, "aria-label": `Remove: ${held.label}` }, icon("close"));
    const picture = held.picture ? element("img", { src: held.picture, alt: "" }) : icon("picture");
    return token.replaceChildren(picture, element("span", { title: held.label }, held.label), end);
  }

  function endToken() {
    onTokenEnd();
    box.focus();
  }

  return { show, forget };
}
