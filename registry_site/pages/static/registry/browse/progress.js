// How far an upload is: a bar for all files, one for each of several, the speed and the time left.
const UNITS = ["bytes", "KB", "MB", "GB", "TB"];
const WINDOW = 5000; // milliseconds over which the speed is measured
const MOST_ROWS = 20; // of finished files: of more, only those that are being sent have a bar

export function human(bytes) {
  const power = Math.min(Math.floor(Math.log2(bytes || 1) / 10), UNITS.length - 1);
  const number = bytes / 1024 ** power;
  return `${power ? number.toFixed(1) : Math.round(number)} ${UNITS[power]}`;
}

function duration(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export class Progress {
  constructor(box, files) {
    this.box = box;
    this.files = files;
    this.bar = box.querySelector("progress");
    this.words = box.querySelector("span");
    this.list = box.querySelector("ul");
    this.sent = files.map(() => 0);
    this.done = files.map(() => false);
    this.all = files.reduce((sum, each) => sum + each.file.size, 0);
    this.total = this.finished = 0; // bytes sent, and files
    this.rows = new Map();
    this.samples = [];
    this.list.replaceChildren();
    this.show("");
    box.hidden = false;
  }

  // Note how much has been sent of files that are sent one after the other.
  set(indexes, sent) {
    for (const index of indexes) {
      const { size } = this.files[index].file;
      if (sent >= size && indexes.length > 1) this.end(index);
      else if (!this.done[index] && (sent > 0 || this.sent[index])) this.note(index, Math.max(0, Math.min(sent, size)));
      sent -= size;
    }
    this.tell();
  }

  // Mark files as stored, or as stored before.
  finish(indexes) {
    for (const index of indexes) this.end(index);
    this.tell();
  }

  note(index, sent) {
    this.total += sent - this.sent[index];
    this.sent[index] = sent;
    if (this.files.length > 1) this.row(index).value = sent;
  }

  end(index) {
    if (this.done[index]) return;
    this.done[index] = true;
    this.finished += 1;
    this.total += this.files[index].file.size - this.sent[index];
    this.sent[index] = this.files[index].file.size;
    const row = this.rows.get(index) ?? (this.files.length > 1 && this.files.length <= MOST_ROWS && this.row(index));
    if (!row) return;
    row.value = row.max;
    if (this.files.length > MOST_ROWS) row.parentElement.remove();
  }

  row(index) {
    if (!this.rows.has(index)) {
      const { file, path } = this.files[index];
      const item = document.createElement("li");
      const bar = document.createElement("progress");
      bar.max = file.size || 1;
      bar.setAttribute("aria-label", path);
      item.append(path, bar);
      this.list.append(item);
      this.rows.set(index, bar);
    }
    return this.rows.get(index);
  }

  // Show the sum with the speed.
  tell() {
    const now = performance.now();
    this.samples.push([now, this.total]);
    while (this.samples.length > 2 && now - this.samples[0][0] > WINDOW) this.samples.shift();
    this.show(this.total < this.all ? this.speed(now) : "storing …");
  }

  speed(now) {
    const [since, before] = this.samples[0];
    const rate = (1000 * (this.total - before)) / (now - since);
    return rate > 0 ? `${human(rate)}/s, ${duration((this.all - this.total) / rate)} left` : "";
  }

  // Show the sum, and words about it.
  show(words) {
    this.bar.value = this.all ? (100 * this.total) / this.all : 100;
    const count = this.files.length > 1 ? `${this.finished} of ${this.files.length} files` : "";
    const bytes = `${human(this.total)} of ${human(this.all)}`;
    this.words.textContent = [count, bytes, words].filter(Boolean).join(", ");
  }

  pause() {
    this.samples = [];
    this.show("paused");
  }
}
