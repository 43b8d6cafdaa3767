// The form that uploads versions: files or a folder, chosen or dropped, with pause, resume and cancel.
import { leave, onSubmit, Refusal, send } from "./api.js";
import { dropped, folderOf, picked } from "./chosen.js";
import { human, Progress } from "./progress.js";
import { source, stored, storedFiles, together } from "./stored.js";

const AT_ONCE = 3; // transfers at the same time

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
    this.sent = []; // transfers of a folder that is no version yet
    this.results = [];
    this.cancelled = false;
    this.paused = null;
  }

  field(name) {
    return this.form.elements[name].value;
  }

  // Send what is not stored yet, several files at the same time; stop at the first refusal.
  async run() {
    this.waiting = (this.folder ? await this.ofFolder() : [...this.files.keys()].map((index) => [index])).values();
    const workers = Array.from({ length: AT_ONCE }, () => this.work());
    try {
      await Promise.all(workers);
    } catch (error) {
      this.cancelled = true;
      for (const each of this.transfers) each.pause();
      throw error;
    }
    if (this.folder && !this.cancelled) await this.store();
  }

  // Return the groups of a folder's files that are sent together. What is stored already is not sent.
  async ofFolder() {
    this.progress.show("comparing with what is stored …");
    const { known, same } = await storedFiles(this.route, this.folder, this.files);
    this.same = this.field("ordinal") ? undefined : same;
    for (const [index, from] of known) this.results[index] = { path: this.files[index].path, known: from };
    this.progress.finish([...known.keys()]);
    const others = [...this.files.keys()].filter((index) => !known.has(index));
    return together(this.files, others);
  }

  async work() {
    for (const indexes of this.waiting) {
      if (this.paused) await this.paused.ended;
      if (this.cancelled) return;
      await this.send(indexes);
      this.progress.finish(indexes);
    }
  }

  // Send files together. A single file is not sent if its bytes are in the item already, unless there is an ordinal,
  // which asks for a new version in any case.
  async send(indexes) {
    const { item } = this.form.dataset;
    const [{ file, path }] = indexes.map((index) => this.files[index]);
    const known = this.folder || this.field("ordinal") ? undefined : await stored(this.route, file);
    if (known) {
      this.results[indexes[0]] = { path, known: { version: known.ordinal, from: known.original } };
      return;
    }
    const about = { item, description: this.field("description"), ordinal: this.field("ordinal") };
    const metadata = this.folder ? {} : Object.fromEntries(Object.entries(about).filter(([, value]) => value));
    this.progress.set(indexes, 0);
    const watch = (sent) => this.progress.set(indexes, sent);
    const sent = source(this.files, indexes, this.folder);
    const transfer = new this.tus.Transfer(item, sent, metadata, watch, Boolean(this.folder));
    this.transfers.add(transfer);
    try {
      this.placed(indexes, await transfer.start());
      if (this.folder) this.sent.push(transfer);
    } finally {
      this.transfers.delete(transfer);
    }
  }

  // Note which upload has the bytes of files, and where.
  placed(indexes, upload) {
    let offset = 0;
    for (const index of indexes) {
      const { file, path } = this.files[index];
      const part = indexes.length > 1 ? { offset, size: file.size } : {};
      this.results[index] = { path, upload, ...part };
      offset += file.size;
    }
  }

  // Make one version of the files of a folder, unless it is there already.
  async store() {
    const files = this.results.map(({ path, known, ...sent }) => ({
      path: path.slice(this.folder.length + 1),
      ...(known ?? sent),
    }));
    const body = { original: this.folder, description: this.field("description"), files };
    const query = this.field("ordinal") ? `?${new URLSearchParams({ ordinal: this.field("ordinal") })}` : "";
    const forget = () => this.tus.forget(this.form.dataset.item, this.folder);
    try {
      if (!this.same) await send("POST", `${this.route}${query}`, body);
    } catch (error) {
      if (/upload/.test(error.message)) await forget(); // they expired, or a version has taken them
      throw error;
    }
    await forget();
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
    for (const each of [...this.transfers, ...this.sent]) each.cancel();
  }

  get summary() {
    const known = this.results.filter((each) => each.known);
    if (this.same || (!this.folder && this.files.length === 1 && known.length)) {
      const { path, known: { version } } = known[0];
      return `${this.folder || path} is there already, as version ${version}: nothing was sent`;
    }
    const name = this.folder || (this.files.length === 1 ? this.files[0].path : "");
    const sent = name ? `${name} was uploaded` : `${this.files.length - known.length} files were uploaded`;
    return known.length ? `${sent}; ${known.length} files were there already` : sent;
  }
}

// Return why the registry refuses a folder, or an empty text. Files that are in no folder become a version each.
function refusal(form, files) {
  const most = Number(form.dataset.mostFiles);
  return folderOf(files) && files.length > most ? `A version has at most ${most} files.` : "";
}

async function upload(form) {
  if (!form.chosen.length) throw new Refusal("No file is chosen.", "Choose files or a folder, or drag them here.");
  const refused = refusal(form, form.chosen);
  if (refused) throw new Refusal(`${folderOf(form.chosen)} has ${form.chosen.length} files.`, refused);
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
  const told = `${name ? `${name}: ` : ""}${count}${human(size)} ${refusal(form, files)}`.trim();
  form.querySelector("[data-chosen]").textContent = files.length ? told : "";
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
