"use strict";

// What all scripts share: the language, and the state of sliders and switches, which the link has after its "#":
// "#init&lang=ko&init-scale=3" is the section `init` in Korean, with a slider at 3.
(() => {
  const WRITE_MS = 200;

  const parse = (hash) => {
    const parts = hash.replace(/^#/, "").split("&").filter(Boolean);
    const decode = (text) => { try { return decodeURIComponent(text); } catch { return text; } };
    const values = new Map();
    let anchor = "";
    for (const part of parts) {
      const at = part.indexOf("=");
      if (at < 0) anchor = decode(part);
      else values.set(decode(part.slice(0, at)), decode(part.slice(at + 1)));
    }
    return { anchor, values };
  };

  const format = (anchor, values) => {
    const pairs = Array.from(values, ([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`);
    return [encodeURIComponent(anchor), ...pairs].filter(Boolean).join("&");
  };

  if (typeof module === "object") {
    module.exports = { parse, format };
    return;
  }

  let { anchor, values } = parse(location.hash);
  const write = () => history.replaceState(null, "", `#${format(anchor, values)}`);
  let writing = null; // browsers allow few changes of a link a second; a slider makes many
  const writeSoon = () => { writing ??= setTimeout(() => { writing = null; write(); }, WRITE_MS); };
  window.addEventListener("pagehide", () => { if (writing) write(); });
  window.addEventListener("hashchange", () => location.reload()); // another link to the same file
  const asked = values.get("lang") ?? new URLSearchParams(location.search).get("lang");
  window.lecture = {
    language: asked === "ko" ? "ko" : "en",
    state: {
      get: (key) => values.get(key) ?? null,
      set: (key, value) => {
        if (value === null) values.delete(key);
        else values.set(key, String(value));
        writeSoon();
      },
    },
    goTo: (name) => {
      const target = document.getElementById(name);
      if (!target) return;
      anchor = name;
      writeSoon();
      target.scrollIntoView();
      target.setAttribute("tabindex", "-1");
      target.focus({ preventScroll: true });
    },
    anchor: () => anchor,
  };
})();
