// Keys of lists: `/` searches, `j` and `k` move through the rows, `x` ticks one, `?` tells the keys.
const rows = () => [...document.querySelectorAll("table.list tbody tr")];
const typing = (element) => element.closest("input, textarea, select, dialog[open], [contenteditable]");

function move(step) {
  const all = rows();
  const place = all.indexOf(document.activeElement.closest("tr"));
  const next = all[Math.min(Math.max(place + step, 0), all.length - 1)];
  (next?.querySelector("a") ?? next?.querySelector("button, input"))?.focus();
}

const KEYS = {
  "/": () => document.getElementById("q")?.focus(),
  j: () => move(1),
  k: () => move(-1),
  x: () => document.activeElement.closest("tr")?.querySelector("input[type=checkbox]")?.click(),
  "?": () => document.getElementById("keys")?.showModal(),
};

export function wireKeys() {
  document.addEventListener("keydown", (event) => {
    const ticks = event.target.matches("input[type=checkbox]");
    if (event.ctrlKey || event.metaKey || event.altKey || (typing(event.target) && !ticks)) return;
    if (!Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key]();
  });
}
