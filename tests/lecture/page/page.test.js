"use strict";

const assert = require("node:assert/strict");
const path = require("node:path");
const test = require("node:test");

const scripts = path.join(__dirname, "../../../src/cnnlab/lecture/page/scripts");
const { parse, format } = require(path.join(scripts, "00-state.js"));
const { padded, convolve, plain } = require(path.join(scripts, "30-convolution.js"));
const { heightAt, levels, bandOf, best } = require(path.join(scripts, "40-surface.js"));

test("a link has a section and values, in any order", () => {
  const { anchor, values } = parse("#lang=ko&init&init-scale=3");
  assert.equal(anchor, "init");
  assert.deepEqual(Array.from(values), [["lang", "ko"], ["init-scale", "3"]]);
});

test("a link of nothing, or broken, is read", () => {
  assert.equal(parse("").anchor, "");
  assert.equal(parse("#%E0%A4%A").anchor, "%E0%A4%A");
  assert.equal(parse("#a=").values.get("a"), "");
});

test("what is written is read back", () => {
  const values = new Map([["a=b", "x&y"], ["층", "깊이 2"]]);
  const { anchor, values: found } = parse(`#${format("a&b", values)}`);
  assert.equal(anchor, "a&b");
  assert.deepEqual(Array.from(found), Array.from(values));
});

test("a convolution with stride and padding, by hand", () => {
  const input = [[1, 2, 0], [0, 1, 3], [2, 1, 0]];
  const kernel = [[1, 0], [-1, 2]];
  assert.deepEqual(convolve({ input, kernel, stride: 1, padding: 0 }).map(({ sum }) => sum), [3, 7, 0, 0]);
  assert.deepEqual(padded([[5]], 1), [[0, 0, 0], [0, 5, 0], [0, 0, 0]]);
  const strided = convolve({ input, kernel, stride: 2, padding: 1 });
  assert.deepEqual(strided.map(({ sum }) => sum), [2, -2, 4, 0]);
  assert.deepEqual(strided[3].products, [[1, 0], [-1, 0]]);
});

test("numbers are short, with a minus sign", () => {
  assert.equal(plain(-0.5), "−0.5");
  assert.equal(plain(0.1 + 0.2), "0.3");
});

test("a height is interpolated, and at the edge beyond the surface", () => {
  const surface = { x: [0, 1, 2], y: [0, 1], z: [[0, 1, 2], [10, 11, 12]] };
  assert.equal(heightAt(surface, [0.5, 0.5]), 5.5);
  assert.equal(heightAt(surface, [2, 1]), 12);
  assert.equal(heightAt(surface, [-5, 9]), 10);
});

test("bands have as many points each", () => {
  const heights = levels([[1, 2, 3], [4, 100, 1000]], 3);
  assert.deepEqual(heights, [3, 100]);
  assert.deepEqual([1, 3, 99, 100, 1e6].map((height) => bandOf(height, heights)), [0, 1, 1, 2, 2]);
});

test("the best learning rate ends lowest, and not outside", () => {
  const surface = { x: [-1, 1], y: [-1, 1], z: [[2, 1], [2, 1]] };
  assert.equal(best(surface, { "0.1": [[0, 0]], 1: [[0.5, 0]], 10: [[50, 0]] }), "1");
  assert.equal(best(surface, { 1: [[0, 0], [null, null]], "0.1": [[-0.5, 0]] }), "0.1");
});
