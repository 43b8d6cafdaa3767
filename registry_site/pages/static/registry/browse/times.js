// Times in the reader's zone; the exact one, in UTC too, is shown on hover.
const shown = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "short" }); // 2026-01-31 09:30
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function wireTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const date = new Date(time.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    time.textContent = shown.format(date);
    time.title = `${time.dateTime.replace("T", " ").replace("Z", " UTC")}; shown in ${zone}`;
  }
}
