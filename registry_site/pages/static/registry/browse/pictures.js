// Charts as files: SVG with all that it needs inside, or PNG in twice its size.

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = ["fill", "stroke", "color", "font-family", "font-size"];

// Return the chart as text, with the computed styles of its elements as attributes.
function text(svg) {
  const copy = svg.cloneNode(true);
  const elements = [svg, ...svg.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((element, place) => {
    const style = getComputedStyle(elements[place]);
    for (const name of PROPERTIES) element.setAttribute(name, style.getPropertyValue(name));
  });
  copy.setAttribute("xmlns", SVG);
  const ground = document.createElementNS(SVG, "rect");
  for (const [name, value] of [["width", "100%"], ["height", "100%"], ["fill", "white"]]) ground.setAttribute(name, value);
  copy.prepend(ground);
  return new XMLSerializer().serializeToString(copy);
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function png(source, svg) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(source)}`; // the policy allows images from data
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * svg.getAttribute("width"), 2 * svg.getAttribute("height")];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

export async function savePicture(svg, form, name) {
  const source = text(svg);
  const blob = form === "PNG" ? await png(source, svg) : new Blob([source], { type: "image/svg+xml" });
  save(blob, `${name}.${form.toLowerCase()}`);
}
