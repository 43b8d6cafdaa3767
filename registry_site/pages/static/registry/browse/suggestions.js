// Suggestions while the user types: existing tags, metadata names, users and datasets.
import { prefix, send } from "./api.js";

const PAUSE = 200; // debounce, in milliseconds
const WORDS = ["tags", "metadata"]; // the registry orders them
let lists = 0;

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const suggestions = (words, text) => `${prefix}/suggestions/${words}?${new URLSearchParams({ text })}`;

function found(collection, key, text) {
  const filter = { [key]: { $regex: escaped(text), $options: "i" } };
  const query = new URLSearchParams({ filter: JSON.stringify(filter), select: JSON.stringify([key]), limit: "10" });
  return `${prefix}/${collection}?${query}`;
}

async function suggest(input, list) {
  const { suggest: collection, key = "_id" } = input.dataset;
  try {
    const page = await send("GET", WORDS.includes(collection) ? suggestions(collection, input.value) : found(collection, key, input.value));
    const options = page.docs.map((document) => new Option("", document[key]));
    list.replaceChildren(...options);
  } catch {
    list.replaceChildren(); // suggestions are optional: ignore errors
  }
}

export function wireSuggestions(root) {
  for (const input of root.querySelectorAll("input[data-suggest]")) {
    const list = document.createElement("datalist");
    list.id = `suggestions-${(lists += 1)}`;
    input.after(list);
    input.setAttribute("list", list.id);
    let timer;
    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(() => suggest(input, list), PAUSE);
    };
    input.addEventListener("input", later);
    input.addEventListener("focus", later);
  }
}
