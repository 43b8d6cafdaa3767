// The search form: converts between its simple fields and the filter language.
import { escaped } from "./suggestions.js";

const CONDITIONS = {
  contains: (text) => ({ $regex: escaped(text), $options: "i" }),
  equals: (text) => text,
  exists: (text) => ({ $exists: text === "yes" }),
};

// Return the text of a simple field that gives this condition, or undefined.
function textOf(how, wanted) {
  if (how === "equals") return typeof wanted === "string" ? wanted : undefined;
  if (how === "exists") return { true: "yes", false: "no" }[Object(wanted).$exists];
  const { $regex: pattern, $options: options, ...rest } = Object(wanted);
  if (typeof pattern !== "string" || options !== "i" || Object.keys(rest).length) return undefined;
  const text = pattern.replace(/\\(.)/g, "$1");
  return escaped(text) === pattern ? text : undefined;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// Move conditions that simple fields can show from the filter to these fields.
function fillSimpleFields(form, filter) {
  const tree = parsed(filter.value);
  if (Object.prototype.toString.call(tree) !== "[object Object]") return;
  for (const field of form.querySelectorAll("[data-field]")) {
    const text = textOf(field.dataset.how, tree[field.dataset.field]);
    if (text === undefined) continue;
    field.value = text;
    if (field.value === text) delete tree[field.dataset.field];
    else field.value = "";
  }
  filter.value = Object.keys(tree).length ? JSON.stringify(tree) : "";
}

// Return the combined filter of all fields; the API refuses one that is not JSON.
function combinedFilter(form, filter) {
  const simple = {};
  for (const field of form.querySelectorAll("[data-field]")) {
    if (field.value) simple[field.dataset.field] = CONDITIONS[field.dataset.how](field.value);
  }
  const text = filter.value.trim();
  if (!Object.keys(simple).length) return text;
  if (!text) return JSON.stringify(simple);
  const own = parsed(text);
  return own === undefined ? text : JSON.stringify({ $and: [own, simple] });
}

export function wireSearch() {
  const form = document.querySelector("form[data-search]");
  if (!form) return;
  const filter = form.elements.filter;
  fillSimpleFields(form, filter);
  form.querySelector("details").open ||= Boolean(filter.value || form.elements.select.value);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = new URLSearchParams({
      filter: combinedFilter(form, filter),
      sort: form.elements.sort.value,
      limit: form.elements.limit.value,
      select: form.elements.select.value,
    });
    for (const control of form.querySelectorAll("[data-query]")) query.set(control.name, control.value);
    for (const name of [...query.keys()]) if (!query.get(name)) query.delete(name);
    location.assign(`${location.pathname}?${query}`);
  });
}
