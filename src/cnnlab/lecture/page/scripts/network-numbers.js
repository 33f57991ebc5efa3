"use strict";

// Numbers as tables and pictures, and a map in which one moves from unit to unit.
(() => {
  const network = (globalThis.lectureNetwork ??= {});

  // A table of numbers, each on its colour. Those in `strong` are framed.
  network.numberTable = (values, columns, scale, caption, strong = []) => {
    const { element } = network;
    const rows = [];
    for (let start = 0; start < values.length; start += columns) {
      const cells = values.slice(start, start + columns).map((value, offset) => {
        const kind = strong.includes(start + offset) ? "is-strong" : null;
        const cell = element("td", { class: kind }, network.number(value));
        const [red, green, blue] = network.colorOf(value, scale);
        cell.style.setProperty("background-color", `rgb(${red}, ${green}, ${blue})`);
        cell.style.setProperty("color", 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#000" : "#fff");
        return cell;
      });
      rows.push(element("tr", {}, ...cells));
    }
    return element("table", {}, ...(caption ? [element("caption", {}, caption)] : []), element("tbody", {}, ...rows));
  };

  network.picture = (values, width, height, scale, caption) => {
    const { element } = network;
    const canvas = element("canvas", { role: "img", "aria-label": caption });
    network.paintScaled(canvas, values, width, height, scale);
    return element("figure", { class: "network-picture" }, element("figcaption", {}, caption), canvas);
  };

  // A map, enlarged, with a frame; `pick` gets [row, column] by pointer or arrow keys.
  network.enlarged = (pick) => {
    const { element } = network;
    const canvas = element("canvas");
    const mark = element("span", { class: "network-mark" });
    const caption = element("figcaption");
    const box = element("div", { class: "network-enlarged" }, canvas, mark);
    const part = element("figure", { class: "network-picture" }, caption, box);
    let place = [0, 0];
    if (pick) {
      Object.assign(box, { tabIndex: 0 });
      box.setAttribute("role", "application");
      box.addEventListener("click", (event) => pick(network.placeIn(canvas, event)));
      box.addEventListener("keydown", (event) => {
        const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
        if (!step) return;
        event.preventDefault();
        const [row, column] = [place[0] + step[0], place[1] + step[1]];
        if (row >= 0 && row < canvas.height && column >= 0 && column < canvas.width) pick([row, column]);
      });
    }
    function show(values, width, height, scale, words, [top, left], size) {
      place = [top, left];
      caption.textContent = words;
      box.setAttribute("aria-label", words);
      network.paintScaled(canvas, values, width, height, scale);
      network.frame(mark, place, size, [height, width]);
    }
    return { part, show };
  };
})();
