"use strict";

// Every layer's maps; a click on a unit selects it.
(() => {
  const network = (globalThis.lectureNetwork ??= {});

  // The place of the unit under a pointer: [row, column].
  function placeIn(canvas, event) {
    const box = canvas.getBoundingClientRect();
    const along = (at, start, size, count) =>
      Math.min(count - 1, Math.max(0, Math.floor(((at - start) / size) * count)));
    return [
      along(event.clientY, box.top, box.height, canvas.height),
      along(event.clientX, box.left, box.width, canvas.width),
    ];
  }

  function strongest(values) {
    return values.reduce((best, value, at) => (Math.abs(value) > Math.abs(values[best]) ? at : best), 0);
  }

  // The maps of one layer. `select` gets the layer's index and a unit: [map, row, column].
  function makeLayer(index, shape, select) {
    const { element, text } = network;
    const isVector = shape.length === 1;
    const columns = network.columnsOf(shape[0]);
    const [count, height, width] = isVector ? [1, Math.ceil(shape[0] / columns), columns] : shape;
    const name = element("span", { class: "network-layer-name" });
    const facts = element("span", { class: "network-layer-facts" });
    let shown = null;

    const maps = Array.from({ length: count }, (_, map) => {
      const canvas = element("canvas");
      canvas.style.setProperty("--columns", width);
      const mark = element("span", { class: "network-mark" });
      const press = (event) => {
        const values = shown.values;
        let unit;
        if (event.detail === 0) { // by the keyboard
          const start = isVector ? 0 : map * height * width;
          const best = strongest(isVector ? values : values.subarray(start, start + height * width));
          unit = isVector ? [best, 0, 0] : [map, Math.floor(best / width), best % width];
        } else {
          const [row, column] = placeIn(canvas, event);
          unit = isVector ? [Math.min(shape[0] - 1, row * width + column), 0, 0] : [map, row, column];
        }
        select(index, unit);
      };
      const kind = isVector ? "network-map network-vector" : "network-map";
      const button = element("button", { type: "button", class: kind, "data-map": map, click: press }, canvas, mark);
      return { canvas, mark, button };
    });
    const buttons = maps.map((each) => each.button);
    const row = element("div", { class: isVector ? "network-units" : "network-maps", role: "group" }, ...buttons);
    network.rove(row, buttons);

    function update(model) {
      shown = model.outputs[index];
      const layer = network.layerName(model.variant.layers[index]);
      const scale = network.largest(shown.values);
      name.textContent = layer;
      const sizes = isVector ? text("units", { n: shape[0] }) : text("maps", { n: count, height, width });
      facts.textContent = `${sizes} · ${text("scale", { value: network.number(scale) })}`;
      row.setAttribute("aria-label", `${layer}, ${sizes}`);
      const isLast = index === model.variant.layers.length - 1;
      classes.replaceChildren(...(isLast ? model.variant.classes.map((label) => element("span", {}, label)) : []));
      const chosen = model.selection?.units.get(index);
      maps.forEach(({ canvas, mark, button }, map) => {
        const size = isVector ? shape[0] : height * width;
        const values = Array.from(shown.values.subarray(map * size, (map + 1) * size));
        network.paintScaled(canvas, values, width, height, scale);
        const facts = isVector ? { layer, n: shape[0] } : { layer, n: map + 1, total: count };
        button.setAttribute("aria-label", text(isVector ? "vector" : "map", facts));
        const isHere = chosen && (isVector || chosen[0] === map);
        const place = isVector ? [Math.floor(chosen?.[0] / width), chosen?.[0] % width] : chosen?.slice(1);
        network.frame(mark, isHere ? place : null, [1, 1], [height, width]);
      });
    }

    const classes = element("div", { class: "network-classes", "aria-hidden": true });
    classes.style.setProperty("--columns", width);
    const head = element("p", {}, name, facts);
    const part = element("div", { class: "network-layer", "data-layer": index }, head, row, classes);
    return { part, update };
  }

  // Puts a frame around some units of a map: rows and columns from a place on, in a map of so many; null hides it.
  network.frame = (mark, place, [rows, columns], [height, width]) => {
    mark.hidden = !place;
    if (!place) return;
    const [top, left, high, wide] = [place[0] / height, place[1] / width, rows / height, columns / width];
    for (const [name, share] of Object.entries({ top, left, high, wide })) mark.style.setProperty(`--${name}`, share);
  };

  network.placeIn = placeIn;

  network.makeMaps = ({ select }) => {
    const { element, text } = network;
    const heading = element("h3");
    const hint = element("p", { class: "network-hint" });
    const ramp = element("span", { class: "network-ramp" });
    const legend = element("p", { class: "network-legend" }, ramp, element("span"));
    const stages = element("div", { class: "network-stages" });
    let [built, layers, titles] = [null, [], []];

    function build(model) {
      layers = [];
      titles = [];
      const blocks = network.stagesOf(model.variant.layers).map((stage) => {
        const title = element("h4");
        titles.push(title);
        const own = stage.layers.map((index) => makeLayer(index, model.outputs[index].shape, select));
        layers.push(...own);
        return element("div", { class: "network-stage" }, title, ...own.map((each) => each.part));
      });
      stages.replaceChildren(...blocks);
      built = model.variant;
    }

    function update(model) {
      heading.textContent = text("layers");
      hint.textContent = text("layers_hint");
      legend.lastChild.textContent = text("legend");
      if (built !== model.variant) build(model);
      titles.forEach((title, index) => { title.textContent = text("stage", { n: index + 1 }); });
      for (const layer of layers) layer.update(model);
    }

    const part = element("div", { class: "network-inside" }, heading, hint, legend, stages);
    return { part, update, stageAt: (index) => stages.children[index] };
  };
})();
