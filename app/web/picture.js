/** Pictures to search with: read from a file, made small enough to send, kept while the page is open. */

const SENT_AS_THEY_ARE = ["image/jpeg", "image/png", "image/webp"]; // what the service decodes
const MAX_BYTES = 2_000_000; // more is redrawn first: a telephone's photo is five times this
const MAX_PIXELS = 25_000_000; // the service takes no more, however well they compress, …
const MAX_LENGTH = 16_383; // … nor a longer side
const MAX_SIDE = 1280; // pixels, once redrawn; several times what any encoder looks at

/**
 * @typedef {object} Picture
 * @property {string} key
 * @property {string} name
 * @property {string} data base64
 * @property {string} preview a data: address
 */

/** @type {Map<string, Picture>} */
const kept = new Map();

/** @param {string} [key] @returns {Picture|null} */
export const recallPicture = (key) => kept.get(key) ?? null;

/**
 * Read a file as a picture and keep it.
 * @param {File} file @returns {Promise<Picture>}
 * @throws {Error} whose message is for a person, when it is not a picture this browser can show
 */
export async function readPicture(file) {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`“${file.name}” is not a picture that can be read. A JPEG, PNG or WebP will do.`);
  });
  const preview = await dataAddress(fits(file, bitmap) ? file : await redraw(bitmap));
  bitmap.close();
  // A history entry outlives a reload, the pictures do not: a key must never come to mean another picture.
  const key = `${performance.timeOrigin}-${kept.size}`;
  const picture = { key, name: file.name, data: preview.slice(preview.indexOf(",") + 1), preview };
  kept.set(picture.key, picture);
  return picture;
}

function fits(file, { width, height }) {
  const small = file.size <= MAX_BYTES && width * height <= MAX_PIXELS && Math.max(width, height) <= MAX_LENGTH;
  return small && SENT_AS_THEY_ARE.includes(file.type);
}

/** @param {ImageBitmap} bitmap @returns {Promise<Blob>} a JPEG, on white where the picture is transparent */
async function redraw(bitmap) {
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
}

/** @param {Blob} blob @returns {Promise<string>} */
function dataAddress(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Error("The picture cannot be read from the disk."));
    reader.readAsDataURL(blob);
  });
}
