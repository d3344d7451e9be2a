"use strict";
// The table of items: sorted by a click on the head of a column, searched while typing. Without
// this script the table stands in the order of the campaign.
(function () {
  const table = document.getElementById("items");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const texts = rows.map((row) => row.textContent.toLowerCase());

  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.key === undefined ? cell.textContent : cell.dataset.key;
  };
  const natural = new Intl.Collator("en", { numeric: true }).compare;

  Array.from(table.tHead.rows[0].cells).forEach((head, column, heads) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      // The largest number first, names from A to Z; again: the other way.
      const down = head.classList.contains("num") ? "descending" : "ascending";
      const up = down === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === down ? up : down;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const keys = new Map(rows.map((row, place) => [row, [key(row, column), place]]));
      const sorted = rows.slice().sort((one, two) => {
        const [a, first] = keys.get(one);
        const [b, second] = keys.get(two);
        return sign * natural(a, b) || first - second;
      });
      body.append(...sorted);
    });
  });

  const search = document.getElementById("search");
  const input = search.querySelector("input");
  const found = search.querySelector("span");
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, place) => {
      row.hidden = !words.every((word) => texts[place].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    found.textContent = words.length ? shown + " of " + rows.length + " items" : "";
  };
  input.addEventListener("input", filter);
  search.hidden = false;
  filter();
})();
