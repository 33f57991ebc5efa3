"use strict";

// What the parts of the live network share: elements, texts in the page's language, numbers, colours of maps.
(() => {
  const network = (globalThis.lectureNetwork ??= {});

  // An element with attributes (a function is a listener), properties after a dot, and children.
  network.element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") made.addEventListener(name, value);
      else if (value !== null) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  };

  network.svg = (tag, attributes = {}, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };

  // A text by its path in network.yaml, its {names} filled; null if there is none.
  network.text = (path, values = {}) => {
    const found = path.split(".").reduce((texts, key) => texts?.[key], network.texts[network.language]);
    return found?.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole) ?? null;
  };

  const signed = (text) => (Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−"));
  network.number = (value, digits) => {
    const size = Math.abs(value);
    return signed(value.toFixed(digits ?? (size >= 9.995 ? 1 : size >= 0.0995 || size === 0 ? 2 : 3)));
  };
  network.percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

  // A layer's name in the page's language.
  network.layerName = (layer) => {
    if (layer.type === "activation") return network.text(`activation.${layer.name}`);
    if (layer.type === "linear") return network.text("layer.linear");
    const kind = layer.type === "pooling" ? (layer.kernel ? layer.kind : "global") : layer.type;
    const [height, width] = layer.kernel ?? [];
    return network.text(`layer.${kind}`, { height, width });
  };

  // The colours of the scheme that is shown, light, dark or paper, from the styles of hidden elements.
  const NAMES = ["negative", "zero", "positive"];
  const probes = NAMES.map((name) => network.element("span", { class: `network-${name}`, hidden: "" }));
  const channelsOf = (color) => color.match(/[\d.]+/g).slice(0, 3).map(Number); // of "rgb(1, 2, 3)"
  network.readColors = (root) => {
    root.append(...probes);
    network.colors = Object.fromEntries(
      NAMES.map((name, index) => [name, channelsOf(getComputedStyle(probes[index]).color)]),
    );
  };

  // [red, green, blue] of a value on a scale from -scale to scale.
  network.colorOf = (value, scale) => {
    const { negative, zero, positive } = network.colors;
    const share = scale > 0 ? Math.min(1, Math.abs(value) / scale) : 0;
    const end = value < 0 ? negative : positive;
    return zero.map((channel, index) => Math.round(channel + share * (end[index] - channel)));
  };

  // Paints numbers, rows after rows, a pixel each; `colorOf` gives a pixel's colour. What is beyond them is clear.
  network.paint = (canvas, values, width, height, colorOf) => {
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(width, height);
    values.forEach((value, at) => pixels.data.set([...colorOf(value), 255], 4 * at));
    context.putImageData(pixels, 0, 0);
  };

  network.paintScaled = (canvas, values, width, height, scale) =>
    network.paint(canvas, values, width, height, (value) => network.colorOf(value, scale));

  network.paintInk = (canvas, values, size) =>
    network.paint(canvas, values, size, size, (value) => Array(3).fill(Math.round(value)));

  network.largest = (values) => values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);

  // How many units of a vector stand in a row.
  network.columnsOf = (units) => (units <= 16 ? units : units % 10 === 0 ? 10 : 8);
})();
