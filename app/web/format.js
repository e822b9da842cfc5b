/** How values are written for people, in the browser's language. */

const whole = new Intl.NumberFormat(undefined, { useGrouping: "min2" }); // a year stays 2015, not 2,015
const money = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const score = new Intl.NumberFormat(undefined, { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });

export const formatNumber = (value) => whole.format(value);
export const formatPrice = (value) => money.format(value);
export const formatScore = (value) => score.format(value);

/** `in_stock` → `In stock`. @param {string} name */
export function attributeLabel(name) {
  const words = name.replaceAll("_", " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** @param {number} n @param {string} one @param {string} many */
export const plural = (n, one, many) => `${formatNumber(n)} ${n === 1 ? one : many}`;
