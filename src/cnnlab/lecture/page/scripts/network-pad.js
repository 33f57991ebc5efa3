"use strict";

// Where one draws, and the test images to choose from.
(() => {
  const network = (globalThis.lectureNetwork ??= {});
  const { element, text } = network;
  const SIZE = 560; // pixels of the drawing's canvas, twice those of the page

  // `changed` is called with a list of strokes, each a list of points [x, y] from 0 to 1.
  function drawingPad(changed) {
    const canvas = element("canvas", { class: "network-pad", width: SIZE, height: SIZE, role: "img", tabindex: -1 });
    let [strokes, pointer] = [[], null];

    function show() {
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, SIZE, SIZE);
      if (!strokes.length) {
        Object.assign(context, { fillStyle: "#9aa3ad", font: `${SIZE / 16}px sans-serif`, textAlign: "center" });
        context.fillText(text("draw_here"), SIZE / 2, SIZE / 2);
      }
      Object.assign(context, { lineWidth: 2 * network.PEN * SIZE, lineCap: "round", lineJoin: "round" });
      context.strokeStyle = "#fff";
      for (const stroke of strokes) {
        context.beginPath();
        stroke.forEach(([x, y], index) => {
          if (index === 0) context.moveTo(x * SIZE, y * SIZE);
          context.lineTo(x * SIZE, y * SIZE);
        });
        context.stroke();
      }
    }

    function change(next) {
      strokes = next;
      show();
      changed(strokes);
    }

    function pointsOf(event) {
      const box = canvas.getBoundingClientRect();
      const events = event.getCoalescedEvents?.() ?? [];
      const place = (each) => [(each.clientX - box.left) / box.width, (each.clientY - box.top) / box.height];
      return (events.length ? events : [event]).map(place);
    }

    canvas.addEventListener("pointerdown", (event) => {
      if (pointer !== null || event.button !== 0) return;
      pointer = event.pointerId;
      canvas.setPointerCapture(pointer);
      change([...strokes, pointsOf(event)]);
      event.preventDefault();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerId !== pointer) return;
      strokes.at(-1).push(...pointsOf(event));
      change(strokes);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => {
        if (event.pointerId === pointer) pointer = null;
      });
    }
    return {
      canvas,
      undo: () => change(strokes.slice(0, -1)),
      clear: () => change([]),
      forget: () => {
        strokes = [];
        show();
      },
    };
  }

  // The part of the page that gives an image: `drawn` gets strokes, `chosen` the index of a test image.
  network.makePad = ({ digits, drawn, chosen }) => {
    const heading = element("h3");
    const hint = element("p", { class: "network-hint" });
    const pad = drawingPad(drawn);
    const undo = element("button", { type: "button", "data-action": "undo", click: pad.undo });
    const clear = element("button", { type: "button", "data-action": "clear", click: pad.clear });
    const galleryHint = element("p", { class: "network-hint" });
    const images = digits.map(({ pixels }, index) => {
      const canvas = element("canvas");
      network.paintInk(canvas, pixels, network.SEEN);
      return element("button", { type: "button", "data-digit": index, click: () => chosen(index) }, canvas);
    });
    const gallery = element("div", { class: "network-digits", role: "group" }, ...images);
    network.rove(gallery, images);
    const part = element(
      "div",
      { class: "network-draw" },
      heading,
      hint,
      pad.canvas,
      element("div", { class: "network-tools" }, undo, clear),
      gallery,
      galleryHint,
    );
    return {
      part,
      update(model) {
        heading.textContent = text("draw");
        hint.textContent = text("draw_hint");
        pad.canvas.setAttribute("aria-label", text("pad"));
        undo.textContent = text("undo");
        clear.textContent = text("clear");
        undo.disabled = clear.disabled = !model.strokes.length;
        if (!model.strokes.length) pad.forget();
        gallery.setAttribute("aria-label", text("digits"));
        galleryHint.textContent = text("digits_hint");
        images.forEach((button, index) => {
          const label = model.variant.classes[digits[index].label];
          button.setAttribute("aria-label", text("digit", { n: index + 1, label }));
          button.setAttribute("aria-pressed", model.digit === index);
        });
      },
    };
  };

  // What the network sees, and whether a drawing is centred: `centred` gets that.
  network.makeSeen = ({ centred }) => {
    const heading = element("h3");
    const canvas = element("canvas", { class: "network-seen", role: "img" });
    const size = element("p", { class: "network-hint" });
    const checkbox = element("input", { type: "checkbox", change: () => centred(checkbox.checked) });
    const words = element("span");
    const hint = element("p", { class: "network-hint" });
    const label = element("label", { class: "network-check" }, checkbox, words);
    return {
      part: element("div", { class: "network-image" }, heading, canvas, size, label, hint),
      update(model) {
        heading.textContent = text("seen");
        size.textContent = text("seen_size");
        network.paintInk(canvas, model.pixels, network.SEEN);
        canvas.setAttribute("aria-label", `${text("seen")}: ${text("seen_size")}`);
        checkbox.checked = model.isCentred;
        words.textContent = text("centring");
        hint.textContent = text("centring_hint");
      },
    };
  };

  // One stop for the tab key; arrow keys move among the buttons.
  network.rove = (group, buttons) => {
    buttons.forEach((button, index) => { button.tabIndex = index === 0 ? 0 : -1; });
    const focus = (button) => {
      for (const other of buttons) other.tabIndex = other === button ? 0 : -1;
      button.focus();
    };
    group.addEventListener("focusin", (event) => {
      const button = buttons.find((each) => each.contains(event.target));
      if (button) for (const other of buttons) other.tabIndex = other === button ? 0 : -1;
    });
    group.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const at = buttons.findIndex((each) => each.contains(event.target));
      if (at < 0 || !(step || event.key === "Home" || event.key === "End")) return;
      const next = step ? at + step : event.key === "Home" ? 0 : buttons.length - 1;
      focus(buttons[Math.min(buttons.length - 1, Math.max(0, next))]);
      event.preventDefault();
    });
  };
})();
