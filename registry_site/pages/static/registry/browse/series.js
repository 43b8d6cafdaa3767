// The course of a metric over the steps of a training. The table below it has the same values.
import { steps } from "./charts.js";

const WIDEST = 720; // pixels

function draw(place, points) {
  place.hidden = false;
  const { paddingLeft, paddingRight } = getComputedStyle(place);
  const width = Math.min(WIDEST, place.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight));
  const { svg, caption } = steps({ points, width }, place.dataset.metric);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", caption);
  const text = document.createElement("figcaption");
  text.textContent = caption;
  const figure = document.createElement("figure");
  figure.append(svg, text);
  place.replaceChildren(figure);
}

const place = document.querySelector("[data-chart=steps]");
if (place) {
  const points = JSON.parse(document.getElementById("steps").textContent);
  let width = innerWidth;
  draw(place, points);
  addEventListener("resize", () => {
    if (width !== innerWidth) draw(place, points);
    width = innerWidth;
  });
}
