"use strict";

// Sorts a table by a column: numbers as numbers, the rest as text; cells without a value stay last.
function sort(table, column, direction) {
  const key = (row) => row.cells[column].dataset.order;
  const compare = (a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
    const numbers = x !== "" && y !== "" && !isNaN(x) && !isNaN(y);
    return direction * (numbers ? x - y : x.localeCompare(y, "en", { numeric: true }));
  };
  const body = table.tBodies[0];
  body.append(...[...body.rows].sort(compare));
}

for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => {
    const heading = button.parentElement;
    const up = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of heading.parentElement.cells) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    sort(heading.closest("table"), heading.cellIndex, up ? 1 : -1);
  });
}

// On paper nothing is folded.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
