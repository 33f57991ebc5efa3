"use strict";

// From strokes to the image that the network sees. No DOM. An image is {size, values}: square, from 0 to 255.
(() => {
  const network = (globalThis.lectureNetwork ??= {});
  const SEEN = 28; // pixels of an image of MNIST, and the 20 that its digit is scaled to
  const BOX = 20;
  const FINE = 112; // pixels of a drawing: four by four for each that the network sees
  const PEN = 0.042; // the pen's radius, of the drawing's width

  network.SEEN = SEEN;
  network.PEN = PEN;

  const square = (x) => x * x;

  // How far (x, y) is from the segment between two points.
  function distance(x, y, [x1, y1], [x2, y2]) {
    const length = square(x2 - x1) + square(y2 - y1);
    const along = length ? Math.min(1, Math.max(0, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length)) : 0;
    return Math.sqrt(square(x - x1 - along * (x2 - x1)) + square(y - y1 - along * (y2 - y1)));
  }

  // Strokes, lists of points [x, y] from 0 to 1, drawn with a round pen and smooth edges.
  network.drawStrokes = (strokes) => {
    const values = new Float64Array(FINE * FINE);
    const radius = PEN * FINE;
    for (const stroke of strokes) {
      const points = stroke.map(([x, y]) => [x * FINE, y * FINE]);
      points.forEach((end, index) => {
        const start = points[Math.max(0, index - 1)];
        const range = (axis) => [
          Math.max(0, Math.floor(Math.min(start[axis], end[axis]) - radius - 1)),
          Math.min(FINE - 1, Math.ceil(Math.max(start[axis], end[axis]) + radius + 1)),
        ];
        const [[left, right], [top, bottom]] = [range(0), range(1)];
        for (let y = top; y <= bottom; y++) {
          for (let x = left; x <= right; x++) {
            const ink = 255 * Math.min(1, Math.max(0, radius + 0.5 - distance(x + 0.5, y + 0.5, start, end)));
            values[y * FINE + x] = Math.max(values[y * FINE + x], ink);
          }
        }
      });
    }
    return { size: FINE, values };
  };

  // The mean of the image over a grid of cells: cells of `step` pixels from (left, top) on; outside is empty.
  function resample({ size, values }, left, top, step, columns, rows) {
    const overlap = (start, pixel) => Math.max(0, Math.min(start + step, pixel + 1) - Math.max(start, pixel));
    const out = new Float64Array(columns * rows);
    for (let row = 0; row < rows; row++) {
      const y = top + row * step;
      for (let column = 0; column < columns; column++) {
        const x = left + column * step;
        let sum = 0;
        for (let i = Math.max(0, Math.floor(y)); i < Math.min(size, Math.ceil(y + step)); i++) {
          for (let j = Math.max(0, Math.floor(x)); j < Math.min(size, Math.ceil(x + step)); j++) {
            sum += overlap(y, i) * overlap(x, j) * values[i * size + j];
          }
        }
        out[row * columns + column] = sum / square(step);
      }
    }
    return out;
  }

  // The image in 28×28 pixels, where it was drawn.
  network.shrink = (image) => ({ size: SEEN, values: resample(image, 0, 0, image.size / SEEN, SEEN, SEEN) });

  // The rows and columns that have ink; null if there is none.
  function boundsOf({ size, values }) {
    let [left, top, right, bottom] = [size, size, -1, -1];
    values.forEach((value, at) => {
      if (value <= 0) return;
      const [x, y] = [at % size, Math.floor(at / size)];
      [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
    });
    return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
  }

  // As MNIST was made: the digit's longer side is scaled to 20 pixels, and its centre of mass moved, by whole pixels,
  // to the pixel in row and column 14 of 28 (counted from 0). An image of MNIST stays where it is.
  network.centre = (image) => {
    const bounds = boundsOf(image);
    const out = new Float64Array(SEEN * SEEN);
    if (!bounds) return { size: SEEN, values: out };
    const step = Math.max(bounds.width, bounds.height) / BOX;
    const [columns, rows] = [Math.ceil(bounds.width / step - 1e-9), Math.ceil(bounds.height / step - 1e-9)];
    const scaled = resample(image, bounds.left, bounds.top, step, columns, rows);
    let [mass, x, y] = [0, 0, 0];
    scaled.forEach((value, at) => {
      mass += value;
      x += value * (at % columns);
      y += value * Math.floor(at / columns);
    });
    const [left, top] = [Math.round(SEEN / 2 - x / mass), Math.round(SEEN / 2 - y / mass)];
    scaled.forEach((value, at) => {
      const [column, row] = [left + (at % columns), top + Math.floor(at / columns)];
      if (column >= 0 && column < SEEN && row >= 0 && row < SEEN) out[row * SEEN + column] = value;
    });
    return { size: SEEN, values: out };
  };
})();
