"use strict";

// Optimisers on a surface: which surface, learning rates and noise are chosen, and the paths drawn to a step.
{
  const { lecture } = window;
  const { element, state, texts, player, terrain } = lecture;
  const COLORS = ["--blue", "--orange", "--green", "--purple", "--ink", "--brown"];
  const DASHES = [[], [9, 4], [2, 3], [10, 3, 2, 3], [15, 4], [5, 2, 1, 2]];

  // What a custom property means at present, as numbers of red, green and blue.
  const probe = document.body.appendChild(element("span", { hidden: true }));
  const color = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
  };

  const select = (key, label, options, start, changed) => {
    const asked = state.get(key);
    const chosen = asked in options ? asked : start;
    return element("select", { "aria-label": label, onchange: ({ target }) => { state.set(key, target.value); changed(); } },
      ...Object.entries(options).map(([name, words]) => element("option", { value: name, selected: name === chosen }, words)));
  };

  const swatch = (index) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.innerHTML = `<line x1="1" x2="31" y1="6" y2="6" stroke="var(${COLORS[index]})" stroke-width="3" stroke-dasharray="${DASHES[index]}"/>`;
    svg.setAttribute("class", "swatch");
    svg.setAttribute("aria-hidden", "true");
    return svg;
  };

  const start = (widget) => {
    const data = JSON.parse(widget.querySelector("script").textContent);
    const names = Object.keys(data.optimizers);
    const canvas = element("canvas", { role: "img", "aria-label": texts.surface });
    const ground = document.createElement("canvas");
    const rows = element("tbody", {});
    const key = (name) => `${widget.id}.${name}`;

    const labels = Object.fromEntries(Object.entries(data.surfaces).map(([name, { label }]) => [name, label]));
    const choice = select(key("surface"), texts.surface, labels, Object.keys(labels)[0], () => { list(); size(); });
    const noise = element("input", { type: "checkbox", onchange: () => { state.set(key("noise"), noise.checked ? "1" : null); list(); } });
    noise.checked = Boolean(data.noisy) && state.get(key("noise")) === "1";
    const surface = () => data.surfaces[choice.value];
    const paths = () => (noise.checked ? data.noisy : data.paths)[choice.value];

    let lines = [];
    const list = () => {
      lines = names.filter((name) => name in paths()).map((name) => line(name));
      rows.replaceChildren(...lines.map(({ row }) => row));
      controls.resize(Math.max(...lines.map(({ path }) => path().length)));
    };
    const line = (name) => {
      const index = names.indexOf(name) % COLORS.length;
      const byRate = paths()[name];
      const shown = element("input", { type: "checkbox", onchange: () => {
        state.set(key(`off.${name}`), shown.checked ? null : "1");
        draw(controls.step());
      } });
      shown.checked = state.get(key(`off.${name}`)) !== "1";
      const rates = Object.fromEntries(Object.keys(byRate).map((rate) => [rate, rate]));
      const rate = select(key(`${choice.value}.${name}`), texts.rate, rates, terrain.best(surface(), byRate), () => draw(controls.step()));
      const height = element("td", { class: "height" });
      const row = element("tr", {},
        element("th", { scope: "row" }, element("label", {}, shown, swatch(index), data.optimizers[name])),
        element("td", {}, rate), height);
      return { row, index, height, isShown: () => shown.checked, path: () => byRate[rate.value] };
    };

    const size = () => {
      const width = canvas.clientWidth;
      if (!width) return;
      const { x, y } = surface();
      const aspect = Math.min(Math.max((y.at(-1) - y[0]) / (x.at(-1) - x[0]), 0.55), 0.8);
      const ratio = window.devicePixelRatio || 1;
      for (const each of [canvas, ground]) [each.width, each.height] = [width * ratio, Math.round(width * aspect * ratio)];
      canvas.style.aspectRatio = `${ground.width} / ${ground.height}`;
      terrain.paint(ground, surface(), color("--ground"), color("--grid"), color("--faint"));
      draw(controls.step());
    };

    const draw = (step) => {
      const context = canvas.getContext("2d");
      const ratio = window.devicePixelRatio || 1;
      const { x, y, minimum } = surface();
      const at = ([px, py]) => [
        ((px - x[0]) / (x.at(-1) - x[0])) * canvas.width, (1 - (py - y[0]) / (y.at(-1) - y[0])) * canvas.height];
      context.drawImage(ground, 0, 0);
      context.lineWidth = 2.5 * ratio;
      context.lineJoin = "round";
      for (const { index, height, isShown, path } of lines) {
        const points = path().slice(0, step + 1).filter((point) => point.every(Number.isFinite));
        height.textContent = points.length ? loss(terrain.heightAt(surface(), points.at(-1))) : "–";
        if (!isShown() || !points.length) continue;
        context.strokeStyle = context.fillStyle = `rgb(${color(COLORS[index])})`;
        context.setLineDash(DASHES[index].map((length) => length * ratio));
        context.beginPath();
        for (const point of points) context.lineTo(...at(point));
        context.stroke();
        context.beginPath();
        context.arc(...at(points.at(-1)), 5 * ratio, 0, 2 * Math.PI);
        context.fill();
      }
      context.setLineDash([]);
      if (minimum) cross(context, at(minimum), 6 * ratio);
    };

    const loss = (height) => (Math.abs(height) < 100 ? height.toFixed(3) : height.toPrecision(3)).replace("-", "−");

    const cross = (context, [px, py], arm) => {
      context.strokeStyle = `rgb(${color("--ink")})`;
      context.beginPath();
      for (const side of [-1, 1]) {
        context.moveTo(px - arm, py - side * arm);
        context.lineTo(px + arm, py + side * arm);
      }
      context.stroke();
    };

    const length = Math.max(...[data.paths, data.noisy ?? {}].flatMap((all) => Object.values(all))
      .flatMap((byName) => Object.values(byName)).flatMap((byRate) => Object.values(byRate)).map((path) => path.length));
    const controls = player({ key: key("step"), length, start: length - 1, first: 0, interval: 60, show: draw });
    widget.querySelector(".stage").append(
      element("div", { class: "choices screen" },
        element("label", {}, texts.surface, " ", choice),
        ...(data.noisy ? [element("label", {}, noise, " ", texts.noise)] : [])),
      element("div", { class: "paths" },
        element("div", {}, canvas, controls.element),
        element("table", { class: "legend" },
          element("thead", {}, element("tr", {}, ...[texts.optimizer, texts.rate, texts.height].map((head) => element("th", { scope: "col" }, head)))),
          rows)));
    controls.begin();
    list();
    size();
    new ResizeObserver(() => { if (Math.abs(canvas.clientWidth * (window.devicePixelRatio || 1) - canvas.width) > 1) size(); }).observe(canvas);
    document.addEventListener("themechange", size);
  };

  for (const widget of document.querySelectorAll('.widget[data-kind="paths"]')) start(widget);
}
