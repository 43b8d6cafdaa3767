// The form that creates a token for machines and shows it once, on this page only.
import { onSubmit, send } from "./api.js";
import { copy } from "./copies.js";

async function create(form) {
  const { name, scopes, expires } = form.elements;
  const created = await send("POST", form.dataset.route, {
    name: name.value,
    scopes: scopes.value.split("\n").map((line) => line.trim()).filter(Boolean),
    expires: expires.value.trim() || null,
  });
  const box = document.getElementById("new-token");
  const shown = document.getElementById("new-token-value");
  shown.value = created.token;
  form.hidden = true;
  box.hidden = false;
  shown.focus();
  shown.select();
}

function copyToken(button) {
  const shown = document.getElementById("new-token-value");
  shown.select();
  return copy(button, shown.value);
}

export function wireTokens() {
  for (const form of document.querySelectorAll("form[data-token]")) onSubmit(form, create);
  for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copyToken(button));
}
