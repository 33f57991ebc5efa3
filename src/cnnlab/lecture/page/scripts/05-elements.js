"use strict";

// How scripts make elements whose words follow the language.
{
  const { lecture } = window;
  lecture.texts = JSON.parse(document.getElementById("page-texts").textContent);

  // A text as it is or as {en, ko}; a node with it says the right one at any time.
  lecture.inLanguage = (text) => (text !== null && typeof text === "object" ? text[lecture.language] : String(text));
  lecture.live = (text, set) => {
    set(lecture.inLanguage(text));
    document.addEventListener("languagechange", () => set(lecture.inLanguage(text)));
  };

  // An element with attributes and listeners ("onclick": function); a child may be a text in all languages.
  lecture.element = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name === "aria-label") lecture.live(value, (text) => element.setAttribute(name, text));
      else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    for (const child of children) {
      if (child instanceof Node) element.append(child);
      else {
        const text = element.appendChild(document.createTextNode(""));
        lecture.live(child, (words) => { text.data = words; });
      }
    }
    return element;
  };
}
