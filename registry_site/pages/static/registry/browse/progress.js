// How far an upload is: a bar for all files, one for each of several, the speed and the time left.
const UNITS = ["bytes", "KB", "MB", "GB", "TB"];
const WINDOW = 5000; // milliseconds over which the speed is measured
const MOST_ROWS = 20; // of finished files

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
    this.all = files.reduce((sum, each) => sum + each.file.size, 0);
    this.rows = new Map();
    this.samples = [];
    this.list.replaceChildren();
    this.show("");
    box.hidden = false;
  }

  // Note how much of a file has been sent.
  set(index, sent) {
    this.sent[index] = sent;
    if (this.files.length > 1) this.row(index).value = sent;
    const total = this.sent.reduce((sum, each) => sum + each, 0);
    const now = performance.now();
    this.samples.push([now, total]);
    while (this.samples.length > 2 && now - this.samples[0][0] > WINDOW) this.samples.shift();
    this.show(total < this.all ? this.speed(now, total) : "storing …");
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

  // Mark a file as stored, or as stored before.
  finish(index) {
    this.set(index, this.files[index].file.size);
    if (this.files.length > 1) this.row(index).value = this.row(index).max;
    if (this.files.length > MOST_ROWS) this.row(index).parentElement.remove();
  }

  speed(now, total) {
    const [since, before] = this.samples[0];
    const rate = (1000 * (total - before)) / (now - since);
    return rate > 0 ? `${human(rate)}/s, ${duration((this.all - total) / rate)} left` : "";
  }

  // Show the sum, and words about it.
  show(words) {
    const total = this.sent.reduce((sum, each) => sum + each, 0);
    this.bar.value = this.all ? (100 * total) / this.all : 100;
    this.words.textContent = [`${human(total)} of ${human(this.all)}`, words].filter(Boolean).join(", ");
  }

  pause() {
    this.samples = [];
    this.show("paused");
  }
}
