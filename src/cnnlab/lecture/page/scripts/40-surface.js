"use strict";

// A surface z(x, y) on a grid: its height anywhere, its bands, its picture.
(() => {
  const place = (values, at) => {
    const share = ((at - values[0]) / (values[values.length - 1] - values[0])) * (values.length - 1);
    const index = Math.min(Math.max(Math.floor(share), 0), values.length - 2);
    return [index, Math.min(Math.max(share - index, 0), 1)];
  };

  // By bilinear interpolation, at the edge beyond it; the grid is even, z[row of y][column of x].
  const heightAt = ({ x, y, z }, [atX, atY]) => {
    const [column, right] = place(x, atX);
    const [row, down] = place(y, atY);
    const along = (values) => values[column] * (1 - right) + values[column + 1] * right;
    return along(z[row]) * (1 - down) + along(z[row + 1]) * down;
  };

  // Heights that part the grid's points into bands of as many points each.
  const levels = (z, num) => {
    const sorted = z.flat().sort((a, b) => a - b);
    return Array.from({ length: num - 1 }, (_, index) => sorted[Math.floor(((index + 1) * sorted.length) / num)]);
  };

  const bandOf = (height, heights) => {
    let band = 0;
    while (band < heights.length && height >= heights[band]) band += 1;
    return band;
  };

  // The learning rate whose path ends lowest; a path that leaves the surface has no end.
  const best = (surface, byRate) => {
    const inside = ([x, y]) => x >= surface.x[0] && x <= surface.x.at(-1) && y >= surface.y[0] && y <= surface.y.at(-1);
    const end = (path) => (path.every((point) => point.every(Number.isFinite)) && inside(path.at(-1))
      ? heightAt(surface, path.at(-1)) : Infinity);
    return Object.keys(byRate).reduce((a, b) => (end(byRate[b]) < end(byRate[a]) ? b : a));
  };

  if (typeof module === "object") {
    module.exports = { heightAt, levels, bandOf, best };
    return;
  }

  const NUM_BANDS = 14;
  // Bands from `low` to `high`, colours of red, green and blue, with a line between them.
  const paint = (canvas, surface, low, high, line) => {
    const { width, height } = canvas;
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const heights = levels(surface.z, NUM_BANDS);
    const [x0, x1, y0, y1] = [surface.x[0], surface.x.at(-1), surface.y[0], surface.y.at(-1)];
    const bands = new Uint8Array(width * height);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const at = [x0 + ((x1 - x0) * column) / (width - 1), y1 - ((y1 - y0) * row) / (height - 1)];
        bands[row * width + column] = bandOf(heightAt(surface, at), heights);
      }
    }
    for (let index = 0; index < bands.length; index++) {
      const isEdge = bands[index] !== bands[index + 1] && (index + 1) % width !== 0
        || index + width < bands.length && bands[index] !== bands[index + width];
      const share = bands[index] / (NUM_BANDS - 1);
      const color = isEdge ? line : low.map((value, channel) => value + (high[channel] - value) * share);
      image.data.set([...color, 255], 4 * index);
    }
    context.putImageData(image, 0, 0);
  };

  window.lecture.terrain = { heightAt, best, paint };
})();
