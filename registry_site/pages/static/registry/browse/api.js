// Requests to the API as the logged-in user, and messages about their results.
const token = document.querySelector("meta[name=csrf-token]").content;
const FLASH = "registry-flash";

export const prefix = document.documentElement.dataset.api;
export const headers = { Accept: "application/json", "X-CSRFToken": token };

// An error response of the API, with its message and details.
export class Refusal extends Error {
  constructor(title, details, status = 0) {
    super(details);
    this.title = title;
    this.status = status;
  }
}

export const unreachable = () =>
  new Refusal("The registry cannot be reached.", "Check your connection and try again.");

// Return the JSON of a response; throw a Refusal if it is an error.
export function read(status, text) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    throw new Refusal("The registry's response is not valid JSON.", `Its status is ${status}.`, status);
  }
  if (status >= 400) throw new Refusal(body.message, body.details, status);
  return body;
}

export async function send(method, route, body, conditions = {}) {
  const options = { method, headers: { ...headers, ...conditions } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response, text;
  try {
    response = await fetch(route, options);
    text = await response.text();
  } catch {
    throw unreachable();
  }
  return read(response.status, text);
}

// Show an error in its place on the page; without one, hide the place.
function showRefusal(place, refusal) {
  place.hidden = !refusal;
  place.replaceChildren();
  if (!refusal) return;
  const title = document.createElement("strong");
  title.textContent = refusal.title;
  place.append(title, ` ${refusal.message}`);
  if (refusal.status === 401) {
    const link = document.createElement("a");
    link.href = `/login.html?next=${encodeURIComponent(location.pathname + location.search)}`;
    link.textContent = "Log in";
    place.append(" ", link);
  }
  place.scrollIntoView({ block: "nearest" });
}

// Run an action that can fail, with its button disabled meanwhile, and show its error.
export async function attempt(place, button, action) {
  showRefusal(place);
  button.disabled = true;
  try {
    await action();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    showRefusal(place, error);
  } finally {
    button.disabled = false;
  }
}

// Replace a form's submission by an action.
export function onSubmit(form, action) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    return attempt(form.querySelector(".refusal"), form.querySelector("[type=submit]"), () => action(form));
  });
}

// Go to a page and show a message there.
export function leave(address, done) {
  sessionStorage.setItem(FLASH, done);
  if (address === location.pathname) location.reload();
  else location.assign(address);
}

export function showFlash() {
  const text = sessionStorage.getItem(FLASH);
  sessionStorage.removeItem(FLASH);
  const place = document.getElementById("flash");
  place.hidden = !text;
  place.textContent = text || "";
}
