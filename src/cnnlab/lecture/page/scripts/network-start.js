"use strict";

// The live network: its state, and what changes it. The page has a place for it, its data, and `window.lecture`.
(() => {
  const network = (globalThis.lectureNetwork ??= {});
  const SAVE_MS = 250;
  const KEYS = { epoch: "epoch", variant: "variant", digit: "digit" }; // in the link

  // What the scripts need of the page's JSON: numbers in place of base64.
  function read({ variants, digits, texts }) {
    network.texts = texts;
    return {
      variants: variants.map(({ float24, ...variant }) => ({ ...variant, packed: float24, weights: null })),
      digits: digits.map(({ label, pixels }) => ({ label, pixels: Array.from(network.decodeBytes(pixels)) })),
    };
  }

  // The weights of a variant after one of its epochs; it is unpacked when it is first shown.
  function weightsOf(variant, epochIndex) {
    if (!variant.weights) {
      variant.weights = network.decodeFloat24(network.decodeBytes(variant.packed));
      variant.packed = null;
    }
    const size = variant.num_parameters;
    return variant.weights.subarray(epochIndex * size, (epochIndex + 1) * size);
  }

  const nearest = (epochs, epoch) =>
    epochs.reduce((best, each, index) => (Math.abs(each - epoch) < Math.abs(epochs[best] - epoch) ? index : best), 0);

  // What the link says, as far as it makes sense.
  function initial({ variants, digits }, state) {
    const named = variants.findIndex((variant) => variant.name === state.get(KEYS.variant));
    const variantIndex = Math.max(0, named);
    const { epochs } = variants[variantIndex];
    const numberOf = (key) => (/^\d+$/.test(state.get(key) ?? "") ? Number(state.get(key)) : null);
    const [epoch, digit] = [numberOf(KEYS.epoch), numberOf(KEYS.digit)];
    return {
      variantIndex,
      epochIndex: epoch === null ? epochs.length - 1 : nearest(epochs, epoch),
      digit: digit !== null && digit < digits.length ? digit : digits.length ? 0 : null,
      strokes: [],
      isCentred: true,
      clicked: null,
    };
  }

  network.start = (root, content, lecture) => {
    const { element } = network;
    const data = read(content);
    const current = initial(data, lecture.state);
    let [frame, saving] = [null, null];
    network.language = lecture.language;

    const controls = network.makeControls({
      variants: data.variants,
      choose: chooseVariant,
      go: (epochIndex) => change({ epochIndex }),
    });
    const pad = network.makePad({
      digits: data.digits,
      drawn: (strokes) => change({ strokes, digit: null }),
      chosen: (digit) => change({ digit, strokes: [] }),
    });
    const seen = network.makeSeen({ centred: (isCentred) => change({ isCentred }) });
    const answer = network.makeProbabilities();
    const maps = network.makeMaps({ select });
    const unit = network.makeUnit({ select, close });

    function pixels() {
      if (current.digit !== null) return data.digits[current.digit].pixels;
      const drawing = network.drawStrokes(current.strokes);
      return (current.isCentred ? network.centre(drawing) : network.shrink(drawing)).values;
    }

    let image = null; // the same object as long as the pixels are the same

    function modelOf() {
      const variant = data.variants[current.variantIndex];
      const weights = weightsOf(variant, current.epochIndex);
      image ??= { pixels: pixels(), normalised: new Map() };
      if (!image.normalised.has(variant)) image.normalised.set(variant, network.normalise(image.pixels, variant));
      const normalised = image.normalised.get(variant);
      const outputs = network.forward(variant.layers, weights, normalised);
      return {
        ...current,
        variant,
        weights,
        weightsOf: (epochIndex) => weightsOf(variant, epochIndex),
        pixels: image.pixels,
        image: normalised,
        outputs,
        probabilities: network.softmax(outputs.at(-1).values),
        labelOf: (digit) => data.digits[digit].label,
        selection: current.clicked && network.selectUnit(variant.layers, outputs, normalised, current.clicked),
      };
    }

    function show() {
      frame = null;
      const model = modelOf();
      network.model = model; // for tests and the curious
      for (const part of [controls, pad, seen, answer, maps, unit]) part.update(model);
      if (model.selection) {
        const stages = network.stagesOf(model.variant.layers);
        const stage = maps.stageAt(stages.findIndex((each) => each.layers[0] === model.selection.base));
        if (stage.nextSibling !== unit.part) stage.after(unit.part);
      }
    }

    function change(changes) {
      Object.assign(current, changes);
      if ("strokes" in changes || "digit" in changes || "isCentred" in changes) image = null;
      frame ??= requestAnimationFrame(show);
      clearTimeout(saving); // browsers limit how often a page may write its link
      saving = setTimeout(remember, SAVE_MS);
    }

    function remember() {
      const { epochs, name } = data.variants[current.variantIndex];
      const values = {
        [KEYS.epoch]: String(epochs[current.epochIndex]),
        [KEYS.variant]: name,
        [KEYS.digit]: current.digit === null ? null : String(current.digit),
      };
      for (const [key, value] of Object.entries(values)) {
        if (lecture.state.get(key) !== value) lecture.state.set(key, value);
      }
    }

    function chooseVariant(variantIndex) {
      const before = data.variants[current.variantIndex].epochs;
      const after = data.variants[variantIndex].epochs;
      const isLast = current.epochIndex === before.length - 1;
      const epochIndex = isLast ? after.length - 1 : nearest(after, before[current.epochIndex]);
      unit.part.remove();
      change({ variantIndex, epochIndex, clicked: null });
    }

    function select(layer, place) {
      change({ clicked: { layer, unit: place } });
    }

    function close() {
      const { layer, unit: place } = current.clicked;
      change({ clicked: null });
      const row = root.querySelectorAll(`[data-layer="${layer}"] button`);
      (row[place[0]] ?? row[0]).focus();
    }

    root.replaceChildren(
      controls.part,
      element("div", { class: "network-top" }, pad.part, seen.part, answer.part),
      maps.part,
    );
    const repaint = () => {
      network.readColors(root);
      show();
    };
    for (const query of ["(prefers-color-scheme: dark)", "print"]) {
      matchMedia(query).addEventListener("change", repaint);
    }
    document.addEventListener("themechange", repaint);
    document.addEventListener("languagechange", (event) => {
      network.language = event.detail;
      show();
    });
    repaint();
  };

  if (!globalThis.document) return;
  const begin = () => {
    const root = document.getElementById("network");
    const content = document.getElementById("network-data");
    if (root && content) network.start(root, JSON.parse(content.textContent), window.lecture);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
