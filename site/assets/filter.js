// Tables that can be narrowed (a search field, and a choice for each column that is marked with data-filter) and put in order by
// columns that are marked with data-sort. Without JavaScript they are plain tables.
"use strict";

// On a telephone a row of a table with many columns becomes a card: each cell then says what its column is. Without JavaScript
// the table is moved sideways.
for (const table of document.querySelectorAll(".wide table:not(.index)")) {
  const head = table.tHead?.rows[0];
  if (!head || head.cells.length < 3 || table.querySelector("[rowspan]")) continue;
  const labels = [...head.cells].map((cell) => cell.textContent.trim());
  for (const row of table.tBodies[0].rows) {
    [...row.cells].forEach((cell, i) => {
      if (cell.tagName === "TD" && labels[i] && !cell.dataset.label) cell.dataset.label = labels[i];
    });
  }
  table.classList.add("stacked");
}

for (const table of document.querySelectorAll("table.filterable")) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length < 8) continue;
  const heads = [...table.tHead.rows[0].cells];
  const controls = document.createElement("div");
  controls.className = "filters";
  const search = document.createElement("input");
  search.type = "search";
  search.placeholder = "Search this table";
  search.setAttribute("aria-label", "Search this table");
  controls.append(search);
  const choices = heads.flatMap((head, column) => {
    if (!head.hasAttribute("data-filter")) return [];
    const values = [...new Set(rows.map((row) => row.cells[column].textContent.trim()))].sort();
    if (values.length < 2 || values.length > 30) return [];
    const select = document.createElement("select");
    select.setAttribute("aria-label", head.textContent);
    select.append(new Option(`${head.textContent}: all`, ""), ...values.map((value) => new Option(value || "(empty)", value)));
    controls.append(select);
    return [[column, select]];
  });
  const count = document.createElement("output");
  controls.append(count);
  const narrow = () => {
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits =
        (!wanted || row.textContent.toLowerCase().includes(wanted)) &&
        choices.every(([column, select]) => !select.selectedIndex || row.cells[column].textContent.trim() === select.value);
      row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${rows.length}`;
  };
  // What is nowhere to be read, such as a figure that was not measured, stays last.
  const key = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  const order = (head, column) => {
    const down = head.getAttribute("aria-sort") === "ascending" || (head.dataset.sort === "largest" && !head.hasAttribute("aria-sort"));
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const compare = (a, b) => (isNaN(a) || isNaN(b) ? a.localeCompare(b, "en") : a - b);
    const compared = (a, b) =>
      (key(a, column) === "") - (key(b, column) === "") || (down ? -1 : 1) * compare(key(a, column), key(b, column));
    table.tBodies[0].append(...rows.sort(compared));
  };
  heads.forEach((head, column) => {
    if (!head.hasAttribute("data-sort")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    button.addEventListener("click", () => order(head, column));
    head.append(button);
  });
  controls.addEventListener("input", narrow);
  (table.closest(".wide") || table).before(controls);
  narrow();
}

// The theme's search dialog has no name of its own for a screen reader.
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
