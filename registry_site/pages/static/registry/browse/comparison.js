// The page of a comparison: charts of its numbers, and options, all of which are kept in the URL.
import { parallel, scatter, trend } from "./charts.js";
import { savePicture } from "./pictures.js";

const form = document.getElementById("options");
const drawn = JSON.parse(document.getElementById("drawn")?.textContent ?? "null");
const chosen = (name) => new FormData(form).getAll(name);
const WIDEST = 720; // pixels of a chart
const CHARTS = {
  scatter: (data) => scatter(data, ...chosen("x"), ...chosen("y")),
  parallel: (data) => parallel(data, chosen("axes")),
  trend: (data) => trend(data, ...chosen("trend")),
};

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

function draw(place) {
  place.hidden = false;
  const { paddingLeft, paddingRight } = getComputedStyle(place);
  const width = Math.min(WIDEST, place.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight));
  const chart = CHARTS[place.dataset.chart]({ ...drawn, width });
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

function wire() {
  const places = drawn ? [...document.querySelectorAll("[data-chart]")] : [];
  places.forEach(draw);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (width !== innerWidth) places.forEach(draw);
    width = innerWidth;
  });
  document.addEventListener("change", (event) => {
    if (event.target.form !== form) return;
    if ("diff" in event.target.dataset) onlyDifferences(event.target);
    const place = event.target.closest("[data-chart]");
    if (place) draw(place);
    if (place || "diff" in event.target.dataset) keepInUrl();
  });
}

if (form) wire();
