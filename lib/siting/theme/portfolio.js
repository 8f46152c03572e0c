"use strict";
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), index = head.cellIndex, body = document.querySelector("tbody");
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const th of head.parentElement.cells) th.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = row => row.cells[index].dataset.key;
    const rows = [...body.rows].sort((a, b) => {
      const x = key(a), y = key(b), both = x !== "" && y !== "" && !isNaN(x) && !isNaN(y);
      return both ? x - y : String(x).localeCompare(String(y));
    });
    body.append(...(down ? rows.reverse() : rows));
  });
}
