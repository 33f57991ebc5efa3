"use strict";

// Buttons and a slider that go through steps; the step is in the link.
//   lecture.player({key, length, start, first, interval, show}): {element, begin(), step(), resize(length)}
// Steps are counted from 0; `first` is what the reader sees of step 0.
{
  const { lecture } = window;
  const { element, state, texts } = lecture;

  lecture.player = ({ key, length, start, first, interval, show }) => {
    let last = length - 1;
    let timer = null;
    const within = (step) => Math.min(Math.max(Number(step) || 0, 0), last);
    const slider = element("input", { type: "range", min: 0, max: last, step: 1, "aria-label": texts.step });
    const count = element("output", { class: "count" });

    const display = (step) => {
      slider.value = within(step);
      count.textContent = `${Number(slider.value) + first} / ${last + first}`;
      show(Number(slider.value));
    };
    const go = (step) => {
      display(step);
      state.set(key, slider.value);
    };
    const stop = () => {
      clearInterval(timer);
      timer = null;
      play.classList.remove("playing");
      state.set(key, slider.value);
    };
    const run = () => {
      if (Number(slider.value) === last) display(0);
      play.classList.add("playing");
      timer = setInterval(() => {
        display(Number(slider.value) + 1);
        if (Number(slider.value) === last) stop();
      }, interval);
    };
    const move = (by) => () => {
      if (timer) stop();
      go(Number(slider.value) + by);
    };
    const play = element("button", { type: "button", class: "play", onclick: () => (timer ? stop() : run()) },
      element("span", { class: "when-still" }, texts.play), element("span", { class: "when-playing" }, texts.pause));
    slider.addEventListener("input", move(0));

    const controls = element("div", { class: "player screen" },
      play,
      element("button", { type: "button", "aria-label": texts.previous, onclick: move(-1) }, "‹"),
      slider,
      element("button", { type: "button", "aria-label": texts.next, onclick: move(1) }, "›"),
      count);
    return {
      element: controls,
      begin: () => display(state.get(key) ?? start),
      step: () => Number(slider.value),
      resize: (newLength) => {
        last = newLength - 1;
        slider.max = last;
        display(slider.value);
      },
    };
  };
}
