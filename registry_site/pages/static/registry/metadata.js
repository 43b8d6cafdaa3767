// Metadata rows: adds rows, and suggests names that the tenant already uses.
function addRow(body) {
  const index = body.rows.length;
  const row = body.rows[index - 1].cloneNode(true);
  for (const field of row.querySelectorAll("input, select, textarea")) {
    field.setAttribute("aria-label", field.getAttribute("aria-label").replace(/\d+$/, index + 1));
    if (field.type === "checkbox") {
      field.value = index;
      field.checked = false;
    } else if (field.tagName === "SELECT") {
      field.selectedIndex = 0;
    } else {
      field.value = "";
    }
  }
  body.append(row);
  row.querySelector("input").focus();
}

function completeNames(table) {
  const names = table.querySelector("datalist");
  let latest = 0;
  table.addEventListener("input", async (event) => {
    if (!event.target.matches("[list]")) return;
    const current = ++latest;
    const response = await fetch(`${table.dataset.namesUrl}&term=${encodeURIComponent(event.target.value)}`);
    if (!response.ok || current !== latest) return;
    const { results } = await response.json();
    names.replaceChildren(...results.map(({ text }) => new Option("", text)));
  });
}

document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("[data-metadata]")) {
    const more = table.querySelector("[data-add-row]");
    more.hidden = false;
    more.addEventListener("click", () => addRow(table.querySelector("tbody")));
    completeNames(table);
  }
});
