// The form that uploads versions: files or a folder, chosen or dropped, with pause, resume and cancel.
import { leave, onSubmit, Refusal, send } from "./api.js";
import { dropped, folderOf, picked } from "./chosen.js";
import { human, Progress } from "./progress.js";

const AT_ONCE = 3; // files that are sent at the same time

let running = null; // the upload of this page
window.addEventListener("beforeunload", (event) => {
  if (running) event.preventDefault();
});

class Upload {
  constructor(form, files, tus) {
    this.form = form;
    this.files = files;
    this.tus = tus;
    this.route = form.dataset.upload;
    this.folder = folderOf(files);
    this.progress = new Progress(form.querySelector(".progress"), files);
    this.transfers = new Set();
    this.waiting = files.keys();
    this.results = [];
    this.cancelled = false;
    this.paused = null;
  }

  field(name) {
    return this.form.elements[name].value;
  }

  // Send all files, some at the same time; stop at the first refusal.
  async run() {
    const workers = Array.from({ length: Math.min(AT_ONCE, this.files.length) }, () => this.work());
    try {
      await Promise.all(workers);
    } catch (error) {
      this.cancelled = true;
      for (const each of this.transfers) each.pause();
      throw error;
    }
    if (this.folder) await this.store();
  }

  async work() {
    for (const index of this.waiting) {
      if (this.paused) await this.paused.ended;
      if (this.cancelled) return;
      this.results[index] = await this.one(index);
      this.progress.finish(index);
    }
  }

  // Send a file, unless its bytes are in the item already. An ordinal asks for a new version in any case.
  async one(index) {
    const { file, path } = this.files[index];
    const known = this.field("ordinal") ? undefined : await this.tus.stored(this.route, file);
    if (known) return { path, known };
    const { item } = this.form.dataset;
    const about = { item, description: this.field("description"), ordinal: this.field("ordinal") };
    const metadata = this.folder ? {} : Object.fromEntries(Object.entries(about).filter(([, value]) => value));
    this.progress.set(index, 0);
    const transfer = new this.tus.Transfer(item, { file, path }, metadata, (sent) => this.progress.set(index, sent));
    this.transfers.add(transfer);
    try {
      return { path, upload: await transfer.start() };
    } finally {
      this.transfers.delete(transfer);
    }
  }

  // Make one version of the files of a folder.
  async store() {
    const files = this.results.map(({ path, upload, known }) => ({
      path: path.slice(this.folder.length + 1),
      ...(known ? { version: known.ordinal, from: known.original } : { upload }),
    }));
    const body = { original: this.folder, description: this.field("description"), files };
    const query = this.field("ordinal") ? `?${new URLSearchParams({ ordinal: this.field("ordinal") })}` : "";
    await send("POST", `${this.route}${query}`, body);
  }

  toggle(button) {
    if (this.paused) {
      for (const each of this.transfers) each.resume();
      this.paused.end();
      this.paused = null;
    } else {
      let end;
      this.paused = { ended: new Promise((resolve) => (end = resolve)), end };
      for (const each of this.transfers) each.pause();
      this.progress.pause();
    }
    button.textContent = this.paused ? "Resume" : "Pause";
  }

  cancel() {
    this.cancelled = true;
    this.paused?.end();
    for (const each of this.transfers) each.cancel();
  }

  get summary() {
    const known = this.results.filter((each) => each.known);
    if (this.files.length === 1 && known.length) {
      return `${known[0].path} is there already, as version ${known[0].known.ordinal}: nothing was sent`;
    }
    const name = this.folder || (this.files.length === 1 ? this.files[0].path : "");
    const sent = name ? `${name} was uploaded` : `${this.files.length - known.length} files were uploaded`;
    return known.length ? `${sent}; ${known.length} files were there already` : sent;
  }
}

async function upload(form) {
  if (!form.chosen.length) throw new Refusal("No file is chosen.", "Choose files or a folder, or drag them here.");
  const buttons = form.querySelectorAll("[data-pause], [data-cancel]");
  const [pause, cancel] = buttons;
  running = new Upload(form, form.chosen, await import("./transfer.js"));
  const ours = running;
  pause.textContent = "Pause";
  pause.onclick = () => ours.toggle(pause);
  cancel.onclick = () => ours.cancel();
  for (const button of buttons) button.hidden = false;
  try {
    await ours.run();
    if (ours.cancelled) throw new Refusal("The upload was cancelled.", "Files that were sent completely are stored.");
    running = null;
    leave(location.pathname, ours.summary);
  } catch (error) {
    ours.progress.box.hidden = true;
    throw error;
  } finally {
    running = null;
    for (const button of buttons) button.hidden = true;
  }
}

function choose(form, files) {
  form.chosen = files;
  const size = files.reduce((sum, each) => sum + each.file.size, 0);
  const name = folderOf(files) || (files.length === 1 ? files[0].path : "");
  const count = files.length === 1 ? "" : `${files.length} files, `;
  form.querySelector("[data-chosen]").textContent = files.length ? `${name ? `${name}: ` : ""}${count}${human(size)}` : "";
}

function wireDrop(form) {
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    form.addEventListener(name, (event) => {
      event.preventDefault();
      form.classList.toggle("over", name === "dragenter" || name === "dragover");
    });
  }
  form.addEventListener("drop", async (event) => choose(form, await dropped(event.dataTransfer)));
}

async function tellInterrupted(form) {
  const names = [...new Set(await (await import("./transfer.js")).interrupted(form.dataset.item))];
  const place = form.querySelector("[data-interrupted]");
  place.hidden = !names.length;
  const shown = names.slice(0, 3).join(", ") + (names.length > 3 ? ` and ${names.length - 3} more` : "");
  place.textContent = `An upload was interrupted: ${shown}. Choose the same files again to continue where it stopped.`;
}

export function wireUploads() {
  for (const form of document.querySelectorAll("form[data-upload]")) {
    const folder = form.querySelector("[data-folder]");
    form.chosen = [];
    form.elements.file.addEventListener("change", () => choose(form, picked(form.elements.file)));
    folder.addEventListener("change", () => choose(form, picked(folder)));
    form.querySelector("[data-choose]").addEventListener("click", () => folder.click());
    wireDrop(form);
    onSubmit(form, upload);
    tellInterrupted(form);
  }
}
