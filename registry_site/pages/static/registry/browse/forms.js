// Forms that create and change resources: they send JSON to the API and show its errors.
import { leave, onSubmit, Refusal, send } from "./api.js";
import { changedPairs, pairs } from "./pairs.js";
import { changedWords, words } from "./words.js";

const controls = (form) => [...form.elements].filter((control) => control.name);

const stateOf = (control) => (control.type === "checkbox" ? control.checked : control.value);

function value(control) {
  const { as } = control.dataset;
  if (as === "flag") return control.checked;
  if (as === "list") return control.value.split(",").map((each) => each.trim()).filter(Boolean);
  if (as === "json") return json(control.value);
  if (as !== "number") return control.value;
  if (!/^\d+$/.test(control.value.trim())) throw new Refusal("Not a whole number.", control.value);
  return Number(control.value);
}

function json(text) {
  try {
    return text.trim() ? JSON.parse(text) : null;
  } catch {
    throw new Refusal("Not JSON.", text);
  }
}

// Return the body that creates a resource; empty inputs are not sent.
function creation(form) {
  const body = {};
  for (const control of controls(form)) if (control.value) body[control.name] = value(control);
  for (const list of form.querySelectorAll("fieldset.words")) body[list.dataset.name] = words(list);
  for (const list of form.querySelectorAll("fieldset.pairs")) body[list.dataset.name] = pairs(list);
  return body;
}

// Return the body of a PUT with only what changed.
function changes(form) {
  const body = {};
  for (const control of controls(form)) if (stateOf(control) !== control.initial) body[control.name] = value(control);
  for (const list of form.querySelectorAll("fieldset.words")) body[list.dataset.name] = changedWords(list);
  for (const list of form.querySelectorAll("fieldset.pairs")) body[list.dataset.name] = changedPairs(list);
  for (const name of Object.keys(body)) if (body[name] === undefined) delete body[name];
  if (!Object.keys(body).length) throw new Refusal("No changes.", "There is nothing to save.");
  return body;
}

async function submit(form) {
  const { method, route, done } = form.dataset;
  const created = await send(method, route, "changes" in form.dataset ? changes(form) : creation(form));
  if (form.dataset.then) leave(form.dataset.then, done);
  else leave(method === "POST" ? `${route}/${encodeURIComponent(created._id)}` : route, done);
}

export function wireForms() {
  for (const form of document.querySelectorAll("form[data-send]")) {
    for (const control of controls(form)) control.initial = stateOf(control);
    onSubmit(form, submit);
  }
}
