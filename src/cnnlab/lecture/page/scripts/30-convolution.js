"use strict";

// A convolution, product by product: where the kernel lies, what it multiplies, what the sum is.
(() => {
  const padded = (input, padding) => {
    const width = input[0].length + 2 * padding;
    const empty = () => Array.from({ length: padding }, () => Array(width).fill(0));
    const side = Array(padding).fill(0);
    return [...empty(), ...input.map((row) => [...side, ...row, ...side]), ...empty()];
  };

  // Each place of the kernel in reading order: its row and column in the output, its corner in the input, its products.
  const convolve = ({ input, kernel, stride, padding }) => {
    const rows = padded(input, padding);
    const height = Math.floor((rows.length - kernel.length) / stride) + 1;
    const width = Math.floor((rows[0].length - kernel[0].length) / stride) + 1;
    return Array.from({ length: height * width }, (_, index) => {
      const [row, column] = [Math.floor(index / width), index % width];
      const [top, left] = [row * stride, column * stride];
      const products = kernel.map((weights, y) => weights.map((weight, x) => weight * rows[top + y][left + x]));
      return { row, column, top, left, products, sum: products.flat().reduce((sum, each) => sum + each, 0) };
    });
  };

  const plain = (number) => String(Math.round(number * 1e4) / 1e4).replace("-", "−");
  const factor = (number) => (number < 0 ? `(${plain(number)})` : plain(number));

  if (typeof module === "object") {
    module.exports = { padded, convolve, plain };
    return;
  }

  const { element, player, texts } = window.lecture;
  const grid = (numbers, isDim = () => false) => {
    const cells = numbers.map((row, y) => row.map((number, x) =>
      element("td", isDim(y, x) ? { class: "padding" } : {}, plain(number))));
    const table = element("table", { class: "grid" }, element("tbody", {}, ...cells.map((row) => element("tr", {}, ...row))));
    return { cells, table };
  };
  const part = (name, { table }, ...more) => element("div", { class: "part" }, element("p", {}, name), table, ...more);

  for (const widget of document.querySelectorAll('.widget[data-kind="convolution"]')) {
    const data = JSON.parse(widget.querySelector("script").textContent);
    const { input, kernel, padding } = data;
    const steps = convolve(data);
    const rows = padded(input, padding);
    const isPadding = (y, x) => y < padding || x < padding || y >= rows.length - padding || x >= rows[0].length - padding;
    const { row: lastRow, column: lastColumn } = steps[steps.length - 1];
    const blank = Array.from({ length: lastRow + 1 }, () => Array(lastColumn + 1).fill(0));
    const [inputs, kernels, products, outputs] = [grid(rows, isPadding), grid(kernel), grid(kernel), grid(blank)];
    const expression = element("p", { class: "expression", "aria-live": "polite" });

    const show = (index) => {
      const { row, column, top, left, products: terms, sum } = steps[index];
      inputs.cells.forEach((cells, y) => cells.forEach((cell, x) => {
        cell.classList.toggle("window", y >= top && y < top + kernel.length && x >= left && x < left + kernel[0].length);
      }));
      products.cells.forEach((cells, y) => cells.forEach((cell, x) => { cell.textContent = plain(terms[y][x]); }));
      outputs.cells.forEach((cells, y) => cells.forEach((cell, x) => {
        const at = y * (lastColumn + 1) + x;
        cell.textContent = at <= index ? plain(steps[at].sum) : "";
        cell.classList.toggle("window", y === row && x === column);
      }));
      const sums = kernel.flatMap((weights, y) => weights.map((weight, x) => `${factor(rows[top + y][left + x])}·${factor(weight)}`));
      expression.textContent = `${sums.join(" + ")} = ${plain(sum)}`;
    };

    const controls = player({ key: widget.id, length: steps.length, start: 0, first: 1, interval: 900, show });
    widget.querySelector(".stage").append(
      controls.element,
      element("div", { class: "parts scroll" },
        part(texts.input, inputs), element("span", { class: "operator" }, "∗"),
        part(texts.kernel, kernels), element("span", { class: "operator" }, "→"),
        part(texts.products, products), element("span", { class: "operator" }, "→"),
        part(texts.output, outputs)),
      expression);
    controls.begin();
  }
})();
