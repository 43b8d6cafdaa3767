// The page of a comparison: charts of its numbers, and options, all of which are kept in the URL.
import { send } from "./api.js";
import { parallel, scatter, trend } from "./charts.js";
import { savePicture } from "./pictures.js";

const form = document.getElementById("options");
const chosen = (name) => new FormData(form).getAll(name);
const WIDEST = 720; // pixels of a chart
const CHARTS = {
  scatter: (data) => scatter(data, ...chosen("x"), ...chosen("y")),
  parallel: (data) => parallel(data, chosen("axes")),
  trend: (data) => trend(data, ...chosen("trend")),
};

const isNumber = (value) => typeof value === "number";

// Return the comparison's columns with the names that charts give them, and its numbers by metric.
async function numbers() {
  const data = await send("GET", `${location.pathname}${location.search}`);
  const ofOneItem = new Set(data.columns.map(({ _id }) => _id)).size === 1;
  const label = ({ name, version }) => (version === null ? name : ofOneItem ? `version ${version}` : `${name}@${version}`);
  const metrics = data.rows
    .filter(({ values }) => values.some(isNumber))
    .map(({ field, better, values }) => [field.replace(/^metadata\./, ""), { better, values: values.map((value) => (isNumber(value) ? value : null)) }]);
  return { columns: data.columns.map((column) => ({ ...column, label: label(column) })), metrics: Object.fromEntries(metrics) };
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// Return the values of a chart as a table, for those who cannot see it.
function table({ heads, rows }, open) {
  const line = (cells, name, first) =>
    element("tr", {}, ...cells.map((cell, place) => element(place ? name : first, { textContent: cell ?? "–" })));
  return element(
    "details",
    { open },
    element("summary", { textContent: "As a table" }),
    element("table", {}, element("thead", {}, line(heads, "th", "th")), element("tbody", {}, ...rows.map((row) => line(row, "td", "th")))),
  );
}

function draw(place, data) {
  place.hidden = false;
  const { paddingLeft, paddingRight } = getComputedStyle(place);
  const width = Math.min(WIDEST, place.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight));
  const chart = CHARTS[place.dataset.chart]({ ...data, width });
  const isOpen = place.querySelector("details")?.open ?? false; // the table of the chart before
  place.querySelector("figure")?.remove();
  if (!chart.svg) {
    place.append(element("figure", {}, element("p", { className: "help", textContent: chart.caption })));
    return;
  }
  chart.svg.setAttribute("role", "img");
  chart.svg.setAttribute("aria-label", chart.caption);
  const buttons = ["SVG", "PNG"].map((form) => {
    const button = element("button", { type: "button", className: "quiet small", textContent: `Save as ${form}` });
    button.addEventListener("click", () => savePicture(chart.svg, form, place.dataset.chart));
    return button;
  });
  const caption = element("figcaption", { textContent: chart.caption });
  place.append(element("figure", {}, chart.svg, caption, element("div", { className: "actions" }, ...buttons), table(chart, isOpen)));
}

function keepInUrl() {
  const query = new URLSearchParams(new FormData(form));
  history.replaceState(null, "", `${location.pathname}?${query}`);
}

// Show or hide the rows that are the same; a page that was loaded without them is loaded again.
function onlyDifferences(box) {
  const matrix = document.getElementById("matrix");
  const isComplete = !new URLSearchParams(location.search).get("diff") || matrix.querySelector(".same");
  if (!isComplete && !box.checked) form.requestSubmit();
  else matrix.classList.toggle("only", box.checked);
}

async function wire() {
  const places = [...document.querySelectorAll("[data-chart]")];
  document.addEventListener("change", (event) => {
    if (event.target.form !== form || !("diff" in event.target.dataset)) return;
    onlyDifferences(event.target);
    keepInUrl();
  });
  if (!places.length) return;
  const data = await numbers();
  places.forEach((place) => draw(place, data));
  let width = innerWidth;
  addEventListener("resize", () => {
    if (width !== innerWidth) places.forEach((place) => draw(place, data));
    width = innerWidth;
  });
  document.addEventListener("change", (event) => {
    const place = event.target.form === form && event.target.closest("[data-chart]");
    if (!place) return;
    draw(place, data);
    keepInUrl();
  });
}

if (form) wire();
