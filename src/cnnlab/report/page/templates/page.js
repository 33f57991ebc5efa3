"use strict";

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
  const compare = (a, b) => (isNumber ? (a < b ? -1 : a > b ? 1 : 0) : a.localeCompare(b, undefined, { numeric: true }));
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

for (const input of document.querySelectorAll("input[data-filters]")) {
  const table = document.getElementById(input.dataset.filters);
  const output = document.querySelector(`output[for="${table.id}"]`);
  const plain = (text) => text.normalize("NFKC").toLowerCase();
  input.addEventListener("input", () => {
    const words = plain(input.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      row.hidden = !words.every((word) => plain(row.textContent).includes(word));
      shown += row.hidden ? 0 : 1;
    }
    output.textContent = table.dataset.rows.replace("{shown}", shown);
  });
}

document.getElementById("save").addEventListener("click", () => {
  const link = document.createElement("a");
  const blob = new Blob([document.getElementById("report").textContent], { type: "application/json" });
  link.href = URL.createObjectURL(blob);
  link.download = "report.json";
  link.click();
  URL.revokeObjectURL(link.href);
});
