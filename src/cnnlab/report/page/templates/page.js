"use strict";

// Texts in their natural order: the numbers in them by size, "lr=0.03" before "lr=0.1".
function compareTexts(a, b) {
  const number = /(\d+(?:\.\d+)?(?:e[+-]?\d+)?)/i;
  const [parts, others] = [a.split(number), b.split(number)];
  for (let index = 0; index < Math.min(parts.length, others.length); index++) {
    const order = index % 2 ? Number(parts[index]) - Number(others[index]) : parts[index].localeCompare(others[index]);
    if (order) return order;
  }
  return parts.length - others.length;
}

// A click on a head sorts up, then down, then as at first. What has no value stays last either way.
function sortBy(table, column, direction) {
  const body = table.tBodies[0];
  const isNumber = table.tHead.rows[0].cells[column].classList.contains("number");
  const keyOf = (row) => {
    const cell = row.cells[column];
    if (!isNumber) return cell.textContent.trim();
    return "value" in cell.dataset ? Number(cell.dataset.value) : null;
  };
  const rows = Array.from(body.rows, (row) => ({ row, key: keyOf(row), place: Number(row.dataset.place) }));
  const compare = (a, b) => (isNumber ? (a < b ? -1 : a > b ? 1 : 0) : compareTexts(a, b));
  rows.sort((a, b) => {
    if (direction === "none") return a.place - b.place;
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.place - b.place;
    return (direction === "ascending" ? 1 : -1) * compare(a.key, b.key) || a.place - b.place;
  });
  body.append(...rows.map(({ row }) => row));
}

for (const table of document.querySelectorAll("table")) {
  const heads = Array.from(table.tHead.rows[0].cells);
  Array.from(table.tBodies[0].rows).forEach((row, place) => { row.dataset.place = place; });
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const next = { none: "ascending", ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")];
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", next);
      sortBy(table, column, next);
    });
  });
}

// What a row must contain: texts, or "whole words" in quotes.
function conditionsOf(typed) {
  const plain = (text) => text.normalize("NFKC").toLowerCase();
  return Array.from(plain(typed).matchAll(/"([^"]+)"|[^\s"]+/g), ([text, quoted]) => {
    if (!quoted) return (row) => plain(row).includes(text);
    const escaped = quoted.trim().replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const word = new RegExp(`(?<![\\p{L}\\p{N}_])${escaped}(?![\\p{L}\\p{N}_])`, "u");
    return (row) => word.test(plain(row));
  });
}

for (const input of document.querySelectorAll("input[data-filters]")) {
  const table = document.getElementById(input.dataset.filters);
  const output = document.querySelector(`output[for="${table.id}"]`);
  input.addEventListener("input", () => {
    const conditions = conditionsOf(input.value);
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      row.hidden = !conditions.every((holds) => holds(row.textContent));
      shown += row.hidden ? 0 : 1;
    }
    output.textContent = table.dataset.rows.replace("{shown}", shown);
  });
}

// Whether a table or a figure is wider than its place is said beside it.
const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const box = target.closest(".scroll");
    box.parentElement.querySelector(":scope > .hint").hidden = box.scrollWidth <= box.clientWidth + 1;
  }
});
for (const content of document.querySelectorAll(".scroll, .scroll > *")) resized.observe(content);

document.getElementById("save").addEventListener("click", () => {
  const link = document.createElement("a");
  const blob = new Blob([document.getElementById("report").textContent], { type: "application/json" });
  link.href = URL.createObjectURL(blob);
  link.download = "report.json";
  link.click();
  URL.revokeObjectURL(link.href);
});
