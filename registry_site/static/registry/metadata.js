// Rows of metadata: more of them, and names that the tenant knows already while one is typed.
for (const table of document.querySelectorAll("[data-metadata]")) {
  const body = table.querySelector("tbody");
  const names = table.querySelector("datalist");
  const more = table.querySelector("[data-add-row]");
  let typed = 0;

  more.hidden = false;
  more.addEventListener("click", () => {
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
  });

  body.addEventListener("input", async (event) => {
    if (!event.target.matches("[list]")) return;
    const question = ++typed;
    const url = `${table.dataset.namesUrl}&term=${encodeURIComponent(event.target.value)}`;
    const response = await fetch(url, { headers: { Accept: "application/json" } });
    if (!response.ok || question !== typed) return;
    const { results } = await response.json();
    names.replaceChildren(...results.map(({ text }) => new Option("", text)));
  });
}
