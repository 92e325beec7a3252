// Tables that can be narrowed: a search field, and a choice for each column that is marked with data-filter. Without JavaScript
// they are plain tables.
"use strict";

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
  controls.addEventListener("input", narrow);
  (table.closest(".wide") || table).before(controls);
  narrow();
}

// The theme's search dialog has no name of its own for a screen reader.
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
