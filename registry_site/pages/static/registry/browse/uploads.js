// Uploads: the file is the body, read from disk while it is sent, with a progress bar.
import { headers, leave, onSubmit, read, Refusal, unreachable } from "./api.js";

const UNITS = ["bytes", "KB", "MB", "GB", "TB"];

function human(bytes) {
  const power = Math.min(Math.floor(Math.log2(bytes || 1) / 10), UNITS.length - 1);
  const number = bytes / 1024 ** power;
  return `${power ? number.toFixed(1) : number} ${UNITS[power]}`;
}

function put(form, file, watch) {
  const query = new URLSearchParams();
  for (const name of ["description", "ordinal"]) if (form.elements[name].value) query.set(name, form.elements[name].value);
  const request = new XMLHttpRequest();
  const finished = new Promise((resolve, reject) => {
    request.open("PUT", `${form.dataset.upload}/${encodeURIComponent(file.name)}?${query}`);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.upload.addEventListener("progress", (event) => watch(event.loaded, event.total));
    request.addEventListener("load", () => resolve([request.status, request.responseText]));
    request.addEventListener("error", () => reject(unreachable()));
    request.addEventListener("abort", () => reject(new Refusal("The upload was cancelled.", "Nothing was stored.")));
    request.send(file);
  });
  return { request, finished };
}

async function upload(form) {
  const [file] = form.elements.file.files;
  const box = form.querySelector(".progress");
  const bar = box.querySelector("progress");
  const words = box.querySelector("span");
  const stop = form.querySelector("[data-cancel]");
  const { request, finished } = put(form, file, (sent, all) => {
    bar.value = all ? (100 * sent) / all : 100;
    words.textContent = sent < all ? `${human(sent)} of ${human(all)}` : `${human(all)} sent, storing …`;
  });
  box.hidden = stop.hidden = false;
  stop.onclick = () => request.abort();
  try {
    read(...(await finished));
    leave(location.pathname, `${file.name} was uploaded`);
  } catch (error) {
    box.hidden = true;
    throw error;
  } finally {
    stop.hidden = true;
  }
}

export function wireUploads() {
  for (const form of document.querySelectorAll("form[data-upload]")) onSubmit(form, upload);
}
