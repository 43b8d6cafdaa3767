// Metadata: rows of name, value and type.
import { Refusal } from "./api.js";
import { wireSuggestions } from "./suggestions.js";

const part = (row, name) => row.querySelector(`[data-part=${name}]`);

function showType(row) {
  const truth = part(row, "type").value === "boolean";
  part(row, "truth").hidden = !truth;
  part(row, "text").hidden = truth;
}

function wireRow(row) {
  part(row, "type").addEventListener("change", () => showType(row));
  row.querySelector("[data-remove]").addEventListener("click", () => row.remove());
  showType(row);
}

export function wirePairs() {
  for (const fieldset of document.querySelectorAll("fieldset.pairs")) {
    fieldset.querySelectorAll(".pair").forEach(wireRow);
    fieldset.initial = new Map(rows(fieldset).map((row) => [row.name, row]));
    fieldset.querySelector("[data-add]").addEventListener("click", () => {
      const row = fieldset.querySelector("template").content.firstElementChild.cloneNode(true);
      fieldset.querySelector(".rows").append(row);
      wireSuggestions(row);
      wireRow(row);
      part(row, "name").focus();
    });
  }
}

// Return the current rows; rows without name and value are skipped.
function rows(fieldset) {
  return [...fieldset.querySelectorAll(".pair")]
    .map((row) => {
      const type = part(row, "type").value;
      const text = part(row, type === "boolean" ? "truth" : "text").value;
      return { name: part(row, "name").value, type, text };
    })
    .filter((row) => row.name || (row.text && row.type !== "boolean"));
}

function typed({ name, type, text }) {
  if (!name) throw new Refusal("A row has no name.", `Enter a name for the value ${text}.`);
  if (type === "text") return { name, value: text };
  if (type === "boolean") return { name, value: text === "true" };
  const value = Number(text);
  if (!text.trim() || !Number.isFinite(value)) throw new Refusal("Not a number.", `The value of ${name} is ${text || "empty"}.`);
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new Refusal("The number has too many digits for browsers.", `Send ${name} through the API.`);
  }
  return { name, value };
}

export const pairs = (fieldset) => rows(fieldset).map(typed);

// Return the rows to remove and to add, or undefined; unchanged rows are not sent.
export function changedPairs(fieldset) {
  const now = rows(fieldset);
  const names = new Set(now.map((row) => row.name));
  const same = (row, old) => old && old.type === row.type && old.text === row.text;
  const remove = [...fieldset.initial.keys()].filter((name) => !names.has(name)).map((name) => ({ name }));
  const added = now.filter((row) => !same(row, fieldset.initial.get(row.name))).map(typed);
  return remove.length || added.length ? { remove, add: added } : undefined;
}
