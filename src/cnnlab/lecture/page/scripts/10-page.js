"use strict";

// The page's own switches: language, light or dark, copy buttons, links inside the page, answers open on paper.
(() => {
  const root = document.documentElement;
  const { lecture } = window;

  const show = (language) => {
    lecture.language = language;
    root.lang = language;
    const title = document.querySelector("title");
    title.textContent = title.dataset[language];
    document.dispatchEvent(new CustomEvent("languagechange", { detail: language }));
  };
  document.getElementById("language").addEventListener("click", () => {
    show(lecture.language === "en" ? "ko" : "en");
    lecture.state.set("lang", lecture.language);
  });

  const remembered = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const remember = (theme) => { try { localStorage.setItem("theme", theme); } catch { /* a page without storage */ } };
  const isDark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "")) === "dark";
  if (remembered()) root.dataset.theme = remembered();
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember(root.dataset.theme);
    document.dispatchEvent(new CustomEvent("themechange"));
  });
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(query).addEventListener("change", () => document.dispatchEvent(new CustomEvent("themechange")));
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link) return;
    event.preventDefault();
    lecture.goTo(link.getAttribute("href").slice(1));
  });

  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.classList.add("done");
        setTimeout(() => button.classList.remove("done"), 1500);
      } catch {
        getSelection().selectAllChildren(code); // where a page may not write, the reader copies
      }
    });
  }

  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = Array.from(document.querySelectorAll("details:not([open])"));
    for (const details of opened) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });

  // Whether a figure or a table is wider than its place is said below it.
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const box = target.closest(".scroll");
      const hint = box.nextElementSibling;
      if (hint?.classList.contains("hint")) hint.hidden = box.scrollWidth <= box.clientWidth + 1;
    }
  });
  for (const content of document.querySelectorAll(".scroll, .scroll > svg, .scroll > table, .scroll > math")) resized.observe(content);

  show(lecture.language);
  if (lecture.anchor()) lecture.goTo(lecture.anchor());
})();
