/** The three ways a picture comes in: dropped anywhere on the page, chosen as a file, pasted. */

import { byId } from "./dom.js";

/** @param {(file: File) => void} onPicture */
export function acceptPictures(onPicture) {
  const chooser = byId("picture");
  chooser.addEventListener("change", () => {
    if (chooser.files.length) onPicture(chooser.files[0]);
    chooser.value = ""; // so that choosing the same file again is a change again
  });

  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    onPicture(file);
  });

  acceptDrops(onPicture);
}

function acceptDrops(onPicture) {
  const veil = byId("drop");
  const carriesFile = (event) => event.dataTransfer?.types.includes("Files");

  document.addEventListener("dragenter", (event) => {
    if (carriesFile(event)) veil.hidden = false;
  });
  document.addEventListener("dragover", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) veil.hidden = true; // left the window, not merely one element for another
  });
  document.addEventListener("drop", (event) => {
    veil.hidden = true;
    if (!carriesFile(event)) return;
    event.preventDefault(); // else the browser leaves the page to show the file
    if (event.dataTransfer.files.length) onPicture(event.dataTransfer.files[0]);
  });
}
