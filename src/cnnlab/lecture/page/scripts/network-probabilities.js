"use strict";

// The probabilities of the classes: now as bars, over the epochs as lines.
(() => {
  const network = (globalThis.lectureNetwork ??= {});
  const PAUSE_MS = 150; // after the last change, before all epochs are computed
  const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [320, 130, 34, 26, 8, 22];

  const topOf = (shares) => shares.indexOf(Math.max(...shares));

  // The probabilities of an image after each epoch.
  function historyOf({ variant, weightsOf, image }) {
    return variant.epochs.map((epoch, index) => {
      const outputs = network.forward(variant.layers, weightsOf(index), image);
      return network.softmax(outputs.at(-1).values);
    });
  }

  network.makeProbabilities = () => {
    const { element, text, svg } = network;
    const heading = element("h3");
    const verdict = element("p", { class: "network-verdict", role: "status" });
    const list = element("ol", { class: "network-bars" });
    const historyHeading = element("h4");
    const chart = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "network-history", role: "img" });
    let [timer, computed, history] = [null, {}, null];

    function showBars(model) {
      const top = topOf(model.probabilities);
      const rows = model.probabilities.map((share, index) => {
        const bar = element("span", { class: "network-bar" });
        bar.style.setProperty("--share", share);
        const row = element(
          "li",
          {},
          element("span", { class: "network-class" }, model.variant.classes[index]),
          element("span", { class: "network-track" }, bar),
          element("span", { class: "network-share" }, network.percent(share)),
        );
        if (index === top) row.className = "is-top";
        return row;
      });
      list.replaceChildren(...rows);
      const label = model.variant.classes[top];
      const truth = model.digit === null ? null : model.labelOf(model.digit);
      const isRight = truth === top;
      const words = text(isRight ? "right" : "wrong", { label: model.variant.classes[truth] });
      const judgement = truth === null ? "" : words;
      const said = text("verdict", { label, percent: network.percent(model.probabilities[top]) });
      verdict.textContent = judgement ? `${said} – ${judgement}` : said;
    }

    function showHistory(model) {
      const { epochs, classes } = model.variant;
      const last = Math.max(1, epochs.at(-1));
      const x = (epoch) => LEFT + (epoch / last) * (WIDTH - LEFT - RIGHT);
      const y = (share) => TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
      const top = topOf(model.probabilities);
      const label = (at, down, words, kind, anchor) =>
        svg("text", { x: at, y: down, class: kind, "text-anchor": anchor }, words);
      const now = epochs[model.epochIndex];
      const parts = [
        ...[0, 0.5, 1].flatMap((share) => [
          svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(share), y2: y(share), class: "network-grid" }),
          label(LEFT - 5, y(share) + 4, `${100 * share} %`, "", "end"),
        ]),
        ...[0, last].map((epoch) => label(x(epoch), HEIGHT - 6, epoch, "", "middle")),
        label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, text("epoch"), "", "middle"),
        svg("line", { x1: x(now), x2: x(now), y1: TOP, y2: HEIGHT - BOTTOM, class: "network-now" }),
      ];
      classes.forEach((name, index) => {
        const points = history.map((shares, at) => `${x(epochs[at]).toFixed(1)},${y(shares[index]).toFixed(1)}`);
        parts.push(svg("polyline", { points: points.join(" "), class: index === top ? "is-top" : "" }));
        const end = history.at(-1)[index];
        if (end > 0.2) parts.push(label(WIDTH - RIGHT + 6, y(end) + 4, name, index === top ? "is-top" : "", "start"));
      });
      parts.push(svg("circle", { cx: x(now), cy: y(model.probabilities[top]), r: 3.5 }));
      chart.replaceChildren(...parts);
      const percent = network.percent(model.probabilities[top]);
      chart.setAttribute("aria-label", text("history_label", { epoch: now, label: classes[top], percent }));
    }

    function update(model) {
      heading.textContent = text("probabilities");
      historyHeading.textContent = text("history");
      chart.toggleAttribute("hidden", model.variant.epochs.length < 2);
      historyHeading.hidden = model.variant.epochs.length < 2;
      showBars(model);
      const isComputed = computed.image === model.image && computed.variant === model.variant;
      if (isComputed) showHistory(model);
      clearTimeout(timer);
      if (isComputed || model.variant.epochs.length < 2) return;
      timer = setTimeout(() => {
        history = historyOf(model);
        computed = { image: model.image, variant: model.variant };
        showHistory(model);
      }, PAUSE_MS);
    }

    return { part: element("div", { class: "network-answer" }, heading, verdict, list, historyHeading, chart), update };
  };
})();
