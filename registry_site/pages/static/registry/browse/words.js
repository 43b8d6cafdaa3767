// Lists of words (tags, users, datasets): chips that can be removed, and an input that adds one.

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
      event.preventDefault(); // adds the word and does not send the form
      add(fieldset);
    });
    fieldset.querySelector(".chips").addEventListener("click", (event) => {
      if (event.target.tagName !== "BUTTON") return;
      event.target.closest("li").remove();
      input.focus();
    });
  }
}

// Return the words of a list; what was typed but not added counts too.
export function words(fieldset) {
  add(fieldset);
  return valuesOf(fieldset);
}

// Return what goes from the list and what comes to it, or nothing where it is as it was.
export function changedWords(fieldset) {
  const now = words(fieldset);
  const remove = fieldset.initial.filter((value) => !now.includes(value));
  const come = now.filter((value) => !fieldset.initial.includes(value));
  return remove.length || come.length ? { remove, add: come } : undefined;
}
