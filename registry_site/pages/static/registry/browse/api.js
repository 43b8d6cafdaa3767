// Talking to the API as the user who logged in, and saying how it went.
const token = document.querySelector("meta[name=csrf-token]").content;
const FLASH = "registry-flash";

export const prefix = document.documentElement.dataset.api;
export const headers = { Accept: "application/json", "X-CSRFToken": token };

// An answer that is an error, in the API's words.
export class Refusal extends Error {
  constructor(title, details, status = 0) {
    super(details);
    this.title = title;
    this.status = status;
  }
}

export const unreachable = () =>
  new Refusal("The registry cannot be reached.", "Please look at your connection and try again.");

// Return the JSON of an answer; throw a Refusal where it is an error.
export function read(status, text) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    throw new Refusal("The registry's answer cannot be read.", `Its status is ${status}.`, status);
  }
  if (status >= 400) throw new Refusal(body.message, body.details, status);
  return body;
}

export async function send(method, route, body) {
  const options = { method, headers: { ...headers } };
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

// Show a refusal in its place on the page; without one, hide what stood there.
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

// Do what may be refused, with its button out of reach meanwhile, and show a refusal in its place.
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

// Send a form by an action of ours.
export function onSubmit(form, action) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    return attempt(form.querySelector(".refusal"), form.querySelector("[type=submit]"), () => action(form));
  });
}

// Go to a page and say there what was done.
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
