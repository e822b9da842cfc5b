// Every text on the page whose contrast with what is behind it is below 4.5 to 1, as "ratio class: text".
() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parsed = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const behind = (node) => {
    const ground = node.parentElement ? behind(node.parentElement) : [255, 255, 255];
    return over(parsed(getComputedStyle(node).backgroundColor), ground);
  };
  const bad = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    const text = texts.currentNode.data.trim();
    const visible = node.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    if (!text || !visible || node.closest(".unseen, noscript, option")) continue;
    const ground = behind(node);
    const ratio = contrast(over(parsed(getComputedStyle(node).color), ground), ground);
    if (ratio < 4.5) bad.push(`${ratio.toFixed(2)} ${node.className || node.tagName}: ${text.slice(0, 40)}`);
  }
  return bad;
}
