"use strict";

// Which network, and after how many epochs.
(() => {
  const network = (globalThis.lectureNetwork ??= {});
  const FRAME_MS = 250; // between epochs while it plays

  // `choose` gets a variant's index, `go` an epoch's index.
  network.makeControls = ({ variants, choose, go }) => {
    const { element, text } = network;
    const name = element("legend");
    const choices = variants.map((variant, index) => {
      const settings = { type: "radio", name: "network-variant", value: variant.name };
      const input = element("input", { ...settings, change: () => choose(index) });
      const label = element("span");
      return { input, label, part: element("label", {}, input, label) };
    });
    const hint = element("p", { class: "network-hint" });
    const range = { type: "range", min: 0, step: 1, id: "network-epoch" };
    const slider = element("input", { ...range, input: () => go(Number(slider.value)) });
    const sliderName = element("label", { for: "network-epoch" });
    const place = element("output", { for: "network-epoch" });
    const accuracy = element("span", { class: "network-accuracy" });
    const play = element("button", { type: "button", "data-action": "play", click: () => (timer ? stop() : start()) });
    let [timer, shown] = [null, null];

    function stop() {
      clearInterval(timer);
      timer = null;
      update(shown);
    }

    function start() {
      if (shown.epochIndex === shown.variant.epochs.length - 1) go(0);
      timer = setInterval(() => {
        if (shown.epochIndex < shown.variant.epochs.length - 1) go(shown.epochIndex + 1);
        if (shown.epochIndex === shown.variant.epochs.length - 1) stop();
      }, FRAME_MS);
      update(shown);
    }

    function update(model) {
      shown = model;
      const { variant, epochIndex } = model;
      name.textContent = text("variant");
      choices.forEach(({ input, label }, index) => {
        input.checked = index === model.variantIndex;
        label.textContent = text(`variants.${variants[index].name}.label`) ?? variants[index].name;
      });
      const parameters = text("parameters", { n: variant.num_parameters.toLocaleString("en") });
      hint.textContent = `${text(`variants.${variant.name}.hint`) ?? text("own_hint")} ${parameters}.`;
      const [epoch, last] = [variant.epochs[epochIndex], variant.epochs.at(-1)];
      slider.max = variant.epochs.length - 1;
      slider.value = epochIndex;
      slider.disabled = play.disabled = variant.epochs.length < 2;
      sliderName.textContent = text("epoch");
      place.textContent = epoch === 0 ? text("untrained") : text("epoch_of", { epoch, last });
      slider.setAttribute("aria-valuetext", place.textContent);
      const share = variant.accuracies[epoch];
      const percent = network.percent(share ?? 0, 2);
      accuracy.textContent = share === undefined ? "" : text(`accuracy.${variant.watched}`, { percent });
      play.textContent = text(timer ? "pause" : "play");
    }

    const part = element(
      "div",
      { class: "network-controls" },
      element("fieldset", {}, name, element("div", { class: "network-variants" }, ...choices.map((each) => each.part))),
      hint,
      element("div", { class: "network-epochs" }, sliderName, slider, place, accuracy, play),
    );
    return { part, update };
  };
})();
