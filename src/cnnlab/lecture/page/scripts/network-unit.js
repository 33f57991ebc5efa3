"use strict";

// How one unit came to its value: its window times its kernel, the sum, the bias, pooling and activation.
(() => {
  const network = (globalThis.lectureNetwork ??= {});
  const READABLE = 64; // numbers of a window that are written out; a larger one is a picture
  const CURVE = { width: 132, height: 88, range: 4 };

  // The unit of each layer of a stage that belongs to the unit of one of them: {base, units: Map of layer to unit}.
  network.selectUnit = (layers, outputs, image, clicked) => {
    const stage = network.stagesOf(layers).find((each) => each.layers.includes(clicked.layer));
    const at = stage.layers.indexOf(clicked.layer);
    let unit = clicked.unit;
    for (const index of stage.layers.slice(1, at + 1).reverse()) {
      if (layers[index].type !== "pooling") continue;
      unit = network.sourceOf(layers[index], network.inputOf(layers, outputs, image, index), unit);
    }
    const units = new Map([[stage.layers[0], unit]]);
    for (const index of stage.layers.slice(1)) {
      if (layers[index].type === "pooling") {
        const input = network.inputOf(layers, outputs, image, index);
        unit = network.poolingOf(layers[index], input, unit)?.unit;
        if (!unit) break;
      }
      units.set(index, unit);
    }
    return { clicked, layers: stage.layers, base: stage.layers[0], units };
  };

  const valueAt = ({ shape, values }, [map, row, column]) =>
    shape.length === 1 ? values[map] : values[(map * shape[1] + row) * shape[2] + column];

  const sign = (words) => network.element("span", { class: "network-sign", "aria-hidden": true }, words);

  // Window × kernel = products of one of the maps that a unit reads.
  function product(found, part, isLinear) {
    const { text } = network;
    const columns = found.height === 1 && found.width > 10 ? 8 : found.width;
    const names = [isLinear ? "inputs" : "window", isLinear ? "weights" : "kernel", "products"];
    const words = names.map((name) => text(`unit.${name}`));
    const scaleOf = (name) => network.largest(found.parts.flatMap((each) => each[name]));
    const show = (name, caption) =>
      part[name].length > READABLE
        ? network.picture(part[name], found.width, found.height, scaleOf(name), caption)
        : network.numberTable(part[name], columns, scaleOf(name), caption);
    return [show("window", words[0]), sign("×"), show("kernel", words[1]), sign("="), show("products", words[2])];
  }

  // The activation's curve with the unit on it.
  function curve(layer, weights, before, after, map) {
    const { svg } = network;
    const { width, height, range } = CURVE;
    const reach = Math.max(range, Math.abs(before) * 1.1);
    const inputs = Array.from({ length: 81 }, (_, index) => (index / 40 - 1) * reach);
    const outputs = inputs.map((input) => network.activationAt(layer, weights, input, map));
    const [low, high] = [Math.min(-0.5, ...outputs), Math.max(1, ...outputs)];
    const x = (value) => ((value / reach + 1) / 2) * width;
    const y = (value) => 4 + (1 - (value - low) / (high - low)) * (height - 8);
    const points = inputs.map((input, index) => `${x(input).toFixed(1)},${y(outputs[index]).toFixed(1)}`).join(" ");
    return svg(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, class: "network-curve", "aria-hidden": true },
      svg("line", { x1: 0, x2: width, y1: y(0), y2: y(0), class: "network-grid" }),
      svg("line", { x1: x(0), x2: x(0), y1: 0, y2: height, class: "network-grid" }),
      svg("polyline", { points }),
      svg("circle", { cx: x(before), cy: y(after), r: 4 }),
    );
  }

  const step = (title, ...children) =>
    network.element("section", { class: "network-step" }, network.element("h5", {}, title), ...children);

  const equation = (words) => network.element("p", { class: "network-equation" }, words);

  function activationStep(model, index, unit) {
    const layer = model.variant.layers[index];
    const input = network.inputOf(model.variant.layers, model.outputs, model.image, index);
    const [before, after] = [valueAt(input, unit), valueAt(model.outputs[index], unit)];
    const name = network.layerName(layer);
    return step(
      `${network.text("unit.activation")}: ${name}`,
      curve(layer, model.weights, before, after, unit[0]),
      equation(`${name}(${network.number(before, 3)}) = ${network.number(after, 3)}`),
    );
  }

  function poolingStep(model, index, before) {
    const layer = model.variant.layers[index];
    const input = network.inputOf(model.variant.layers, model.outputs, model.image, index);
    const title = network.layerName(layer);
    const found = network.poolingOf(layer, input, before);
    if (!found) return step(title, equation(network.text("unit.not_pooled")));
    const values = found.cells.map((cell) => cell.value);
    const value = valueAt(model.outputs[index], found.unit);
    const place = layer.kind === "max" ? values.indexOf(Math.max(...values)) : -1;
    const table =
      values.length > READABLE
        ? network.picture(values, found.width, found.height, network.largest(values), title)
        : network.numberTable(values, found.width, network.largest(input.values), null, [place]);
    return step(title, table, equation(`→ ${network.number(value, 3)}`));
  }

  function sumStep(found) {
    const { text } = network;
    const count = found.parts.reduce((sum, part) => sum + part.products.length, 0);
    const sum = found.total - found.bias;
    const rows = [
      [text("unit.sum_of_products", { n: count }), sum],
      [text("unit.bias"), found.bias],
      [text("unit.total"), found.total],
    ];
    const { element, number } = network;
    const lines = rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, number(value, 3))]);
    return step(text("unit.sum"), element("dl", { class: "network-sum" }, ...lines));
  }

  function softmaxStep(model, unit) {
    const label = model.variant.classes[unit[0]];
    const value = network.number(valueAt(model.outputs.at(-1), unit), 2);
    const share = network.percent(model.probabilities[unit[0]], 2);
    return step(network.text("unit.softmax"), equation(network.text("unit.softmax_words", { label, value, share })));
  }

  const planeOf = ({ shape, values }, map) => {
    if (shape.length === 1) {
      const width = network.columnsOf(shape[0]);
      return [Array.from(values), width, Math.ceil(shape[0] / width)];
    }
    const [, height, width] = shape;
    return [Array.from(values.subarray(map * height * width, (map + 1) * height * width)), width, height];
  };

  // `select` gets another unit: a layer's index and [map, row, column]; `close` is called by the button.
  network.makeUnit = ({ select, close }) => {
    const { element, text } = network;
    const title = element("h4");
    const place = element("p", { class: "network-place", role: "status" });
    const shut = element("button", { type: "button", "data-action": "close", click: close });
    let [model, partIndex, partsOf, buttons] = [null, null, null, []];
    const output = network.enlarged(([row, column]) => {
      const { layer, unit } = model.selection.clicked;
      const { shape } = model.outputs[layer];
      const at = row * network.columnsOf(shape[0]) + column;
      if (shape.length === 3) select(layer, [unit[0], row, column]);
      else if (at < shape[0]) select(layer, [at, 0, 0]);
    });
    const input = network.enlarged(null);
    const partsHeading = element("p", { class: "network-hint" });
    const parts = element("div", { class: "network-parts", role: "group" });
    const products = element("div", { class: "network-products" });
    const note = element("p", { class: "network-hint" });
    const steps = element("div", { class: "network-steps" });

    function showParts(found) {
      const { base } = model.selection;
      if (partsOf?.base !== base || partsOf.variant !== model.variant) {
        partsOf = { base, variant: model.variant };
        buttons = found.parts.map((_, index) => {
          const [window, kernel, sum] = [element("canvas"), element("canvas"), element("span")];
          const choose = () => { partIndex = index; update(model); };
          const button = element("button", { type: "button", "data-part": index, click: choose }, window, kernel, sum);
          return { window, kernel, sum, button };
        });
        parts.replaceChildren(...buttons.map((each) => each.button));
        network.rove(parts, buttons.map((each) => each.button));
        partIndex = null;
      }
      const sums = found.parts.map((part) => Math.abs(part.sum));
      if (partIndex === null) partIndex = sums.indexOf(Math.max(...sums));
      partsHeading.hidden = parts.hidden = found.parts.length < 2;
      partsHeading.textContent = text("unit.parts");
      parts.setAttribute("aria-label", text("unit.parts"));
      const scales = ["window", "kernel"].map((name) => network.largest(found.parts.flatMap((part) => part[name])));
      buttons.forEach(({ window, kernel, sum, button }, index) => {
        const part = found.parts[index];
        network.paintScaled(window, part.window, found.width, found.height, scales[0]);
        network.paintScaled(kernel, part.kernel, found.width, found.height, scales[1]);
        sum.textContent = network.number(part.sum);
        button.setAttribute("aria-label", text("unit.part", { n: index + 1, sum: network.number(part.sum) }));
        button.setAttribute("aria-pressed", index === partIndex);
      });
    }

    function showInput(found, layer) {
      const { base } = model.selection;
      const read = network.inputOf(model.variant.layers, model.outputs, model.image, base);
      const isVector = read.shape.length === 1;
      const [values, width, height] = planeOf(read, partIndex);
      const isImage = read === model.image && read.shape[0] === 1;
      const kind = isImage ? "reads_image" : isVector ? "reads_units" : "reads";
      const words = text(`unit.${kind}`, { n: isVector ? read.shape[0] : partIndex + 1 });
      const place = isVector ? [0, 0] : [found.top, found.left];
      const size = isVector ? [height, width] : [found.height, found.width];
      input.show(values, width, height, network.largest(read.values), words, place, size);
      products.replaceChildren(...product(found, found.parts[partIndex], layer.type === "linear"));
    }

    function showOutput() {
      const { layer, unit } = model.selection.clicked;
      const found = model.outputs[layer];
      const isVector = found.shape.length === 1;
      const [values, width, height] = planeOf(found, unit[0]);
      const at = isVector ? [Math.floor(unit[0] / width), unit[0] % width] : unit.slice(1);
      const words = text(isVector ? "unit.gives_vector" : "unit.gives");
      output.show(values, width, height, network.largest(found.values), words, at, [1, 1]);
    }

    function placeWords() {
      const { clicked, layers } = model.selection;
      const stage = network.stagesOf(model.variant.layers).findIndex((each) => each.layers[0] === layers[0]) + 1;
      const [map, row, column] = clicked.unit.map((each) => each + 1);
      const isVector = model.outputs[clicked.layer].shape.length === 1;
      const layer = network.layerName(model.variant.layers[clicked.layer]);
      return text(isVector ? "unit.place_in_vector" : "unit.place", { layer, stage, map, row, column });
    }

    function stepsOf() {
      const { layers, units, base } = model.selection;
      let before = units.get(base);
      const made = [];
      for (const index of layers.slice(1)) {
        const isPooling = model.variant.layers[index].type === "pooling";
        made.push(isPooling ? poolingStep(model, index, before) : activationStep(model, index, before));
        if (!units.has(index)) break;
        before = units.get(index);
      }
      const isLast = layers.at(-1) === model.variant.layers.length - 1;
      return isLast && model.outputs.at(-1).shape.length === 1 ? [...made, softmaxStep(model, before)] : made;
    }

    function update(next) {
      model = next;
      part.hidden = !model.selection;
      if (!model.selection) return;
      const { variant, outputs, image, selection } = model;
      const layer = variant.layers[selection.base];
      const weighs = layer.type === "convolution" || layer.type === "linear";
      title.textContent = text("unit.title");
      shut.textContent = text("unit.close");
      place.textContent = placeWords();
      showOutput();
      const unit = selection.units.get(selection.base);
      const explain = () => network.explain(variant.layers, model.weights, outputs, image, selection.base, unit);
      const found = weighs ? explain() : null;
      for (const each of [input.part, partsHeading, parts, products]) each.hidden = !weighs;
      if (weighs) {
        showParts(found);
        showInput(found, layer);
      }
      const number = (value) => network.number(value, 3);
      const [empty, full] = [-variant.mean / variant.std, (1 - variant.mean) / variant.std].map(number);
      note.textContent = text("unit.normalised", { mean: variant.mean, std: variant.std, empty, full });
      note.hidden = network.inputOf(variant.layers, outputs, image, selection.base) !== image;
      steps.replaceChildren(...(weighs ? [sumStep(found)] : []), ...stepsOf());
    }

    const views = element("div", { class: "network-views" }, output.part, input.part);
    const head = element("div", { class: "network-unit-head" }, title, shut);
    const rest = [place, views, partsHeading, parts, products, note, steps];
    const part = element("section", { class: "network-unit" }, head, ...rest);
    return { part, update };
  };
})();
