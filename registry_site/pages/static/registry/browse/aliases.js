// Aliases: the dialog that moves one and shows what changes, and decisions about proposals.
import { attempt, leave, onSubmit, send } from "./api.js";

const FILES = 10; // paths shown of each kind of change

// Return what the form compares of a version; nothing of one that is not among the choices.
function compared(form, ordinal) {
  const option = [...form.elements.version.options].find((each) => each.value === ordinal);
  return option?.dataset.compared ? JSON.parse(option.dataset.compared) : {};
}

const text = (value) => (value === undefined || value === "" ? "–" : String(value));

// Show the fields that differ between the present version and the chosen one.
function showChanges(form) {
  const body = form.querySelector(".compare tbody");
  if (!body) return;
  const { version } = form.elements;
  const [before, after] = [form.dataset.present, version.value].map((ordinal) => compared(form, ordinal));
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changed = names.filter((name) => before[name] !== after[name]);
  form.querySelector("[data-head-new]").textContent = `Version ${version.value}`;
  body.replaceChildren(
    ...(changed.length ? changed : ["Nothing"]).map((name) => {
      const row = document.createElement("tr");
      for (const cell of [name, text(before[name]), text(after[name])]) row.insertCell().textContent = cell;
      return row;
    }),
  );
}

// Show which files differ between the present version and the chosen one.
async function showFiles(form) {
  const list = form.querySelector("[data-files]");
  if (!list) return;
  const { present, alias } = form.dataset;
  const chosen = form.elements.version.value;
  const versions = alias.replace(/aliases$/, "versions");
  const query = new URLSearchParams({ from: present });
  const lines = [];
  if (chosen !== present) {
    try {
      const diff = await send("GET", `${versions}/${encodeURIComponent(chosen)}/diff?${query}`);
      for (const kind of ["added", "removed", "changed"]) {
        const paths = diff[kind].slice(0, FILES).map((file) => file.path);
        const more = diff[`${kind}_count`] - paths.length;
        if (paths.length) lines.push(`Files ${kind}: ${paths.join(", ")}${more ? ` and ${more} more` : ""}`);
      }
      if (!lines.length) lines.push("The same files");
    } catch (refusal) {
      lines.push(refusal.message);
    }
  }
  if (form.elements.version.value !== chosen) return; // another one was chosen meanwhile
  list.replaceChildren(
    ...lines.map((line) => {
      const entry = document.createElement("li");
      entry.textContent = line;
      return entry;
    }),
  );
}

function showDifferences(form) {
  showChanges(form);
  return showFiles(form);
}

async function move(form) {
  const { alias, version, reason } = form.elements;
  const name = form.dataset.name ?? alias.value;
  const address = `${form.dataset.alias}/${encodeURIComponent(name)}`;
  const body = { version: version.value, reason: reason.value };
  if ("propose" in form.dataset) {
    const proposal = await send("POST", `${address}/proposals`, body);
    leave(address, proposal.status === "moved" ? `${name} points at version ${proposal.version}` : "The move was proposed");
    return;
  }
  const condition = form.dataset.present ? { "If-Match": `"${form.dataset.present}"` } : {};
  const moved = await send("PUT", address, body, condition);
  leave(address, `${name} points at version ${moved.version}`);
}

function wireDialog() {
  const dialog = document.getElementById("move");
  if (!dialog) return;
  const form = dialog.querySelector("form");
  form.elements.version.addEventListener("change", () => showDifferences(form));
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  for (const button of document.querySelectorAll("[data-move]")) {
    button.addEventListener("click", () => {
      if (button.dataset.move) form.elements.version.value = button.dataset.move;
      showDifferences(form);
      dialog.showModal();
    });
  }
}

export function wireAliases() {
  for (const form of document.querySelectorAll("form[data-alias]")) onSubmit(form, move);
  for (const form of document.querySelectorAll("form[data-decide]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const button = event.submitter;
      return attempt(form.querySelector(".refusal"), button, async () => {
        const proposal = await send("POST", `${form.dataset.decide}/${button.value}`, { reason: form.elements.reason.value });
        leave(location.pathname, `The proposal is ${proposal.status}`);
      });
    });
  }
  wireDialog();
}
