// Rows that are ticked to be compared: the bar tells how many, and compares them. It is a form, which works without this.

const MOST = 200;

function show(form) {
  const ticked = [...form.elements].filter((box) => box.name === "ids" && box.checked).length;
  form.classList.toggle("active", ticked > 0);
  form.querySelector("button").disabled = !ticked || ticked > MOST;
  form.querySelector("[data-ticked]").textContent =
    ticked > MOST ? `At most ${MOST} can be compared.` : ticked ? `${ticked} ticked` : "Tick what you want to compare.";
}

export function wireCompare() {
  for (const form of document.querySelectorAll("form[data-compare]")) {
    document.addEventListener("change", (event) => {
      if (event.target.form === form) show(form);
    });
    addEventListener("pageshow", () => show(form)); // the back button restores ticks
    show(form);
  }
}
