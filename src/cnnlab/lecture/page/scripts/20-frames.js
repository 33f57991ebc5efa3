"use strict";

// A slider over pictures.
for (const widget of document.querySelectorAll('.widget[data-kind="frames"]')) {
  const { state } = window.lecture;
  const slider = widget.querySelector("input");
  const frames = Array.from(widget.querySelectorAll(".frame"));
  const show = () => {
    frames.forEach((frame, index) => { frame.hidden = index !== Number(slider.value); });
    const label = frames[Number(slider.value)].querySelector(`.frame-label [lang="${window.lecture.language}"]`);
    slider.setAttribute("aria-valuetext", (label ?? frames[Number(slider.value)].querySelector(".frame-label")).textContent);
  };
  widget.querySelector(".controls").hidden = false;
  slider.value = state.get(widget.id) ?? slider.value;
  slider.addEventListener("input", () => {
    show();
    state.set(widget.id, slider.value);
  });
  document.addEventListener("languagechange", show);
  show();
}
