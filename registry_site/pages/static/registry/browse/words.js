// Lists of tags, users or datasets: removable chips, and an input that adds one.

const chips = (fieldset) => [...fieldset.querySelectorAll(".chips li")];
const valuesOf = (fieldset) => chips(fieldset).map((chip) => chip.dataset.value);

function add(fieldset) {
  const input = fieldset.querySelector(".add input");
  const value = input.value.trim();
  input.value = "";
  if (!value || chips(fieldset).some((chip) => chip.querySelector("span").textContent === value)) return;
  const chip = fieldset.querySelector("template").content.firstElementChild.cloneNode(true);
  chip.dataset.value = value;
  chip.querySelector("span").textContent = value;
  chip.querySelector("button").setAttribute("aria-label", `Remove ${value}`);
  fieldset.querySelector(".chips").append(chip);
}

export function wireWords() {
  for (const fieldset of document.querySelectorAll("fieldset.words")) {
    fieldset.initial = valuesOf(fieldset);
    const input = fieldset.querySelector(".add input");
    fieldset.querySelector(".add button").addEventListener("click", () => {
      add(fieldset);
      input.focus();
    });
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // Enter adds the word instead of submitting the form
      add(fieldset);
    });
    fieldset.querySelector(".chips").addEventListener("click", (event) => {
      if (event.target.tagName !== "BUTTON") return;
      event.target.closest("li").remove();
      input.focus();
    });
  }
}

// Return the words of a list, including one that was typed but not yet added.
export function words(fieldset) {
  add(fieldset);
  return valuesOf(fieldset);
}

// Return the words to remove and to add, or undefined if nothing changed.
export function changedWords(fieldset) {
  const now = words(fieldset);
  const remove = fieldset.initial.filter((value) => !now.includes(value));
  const added = now.filter((value) => !fieldset.initial.includes(value));
  return remove.length || added.length ? { remove, add: added } : undefined;
}
