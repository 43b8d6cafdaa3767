// Charts of a comparison's numbers as SVG, drawn by Observable Plot, each with its caption and the values in it.
// Plot adds a style element to each, which is removed: compare.css has its rules.

const LABELLED = 30; // points or lines; more would hide each other's names
const NARROW = 480; // pixels
const room = (width) => (width < NARROW ? { marginRight: 84, ems: 6 } : { marginRight: 140, ems: 11 }); // for names of lines and points
// A metric over versions or steps.
const overTime = { height: 320, inset: 16, marginLeft: 60, marginBottom: 50, grid: true };
const common = { className: "plot", style: { background: "transparent" } };

function plotted(options) {
  const svg = globalThis.Plot.plot({ ...common, ...options });
  for (const style of svg.querySelectorAll("style")) style.remove();
  for (const part of svg.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label"); // groups have no role
  return svg;
}

const LINE = 14; // pixels of a name's height
const least = (values) => Math.min(...values);
const most = (values) => Math.max(...values);

// Return the points whose names do not cover the name of another.
function named(points, { across, up }) {
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const [wide, high] = [across / (most(xs) - least(xs) || 1), up / (most(ys) - least(ys) || 1)];
  const kept = [];
  for (const point of points) {
    const covers = (other) => Math.abs(point.y - other.y) * high < LINE && Math.abs(point.x - other.x) * wide < across / 3;
    if (!kept.some(covers)) kept.push(point);
  }
  return kept;
}

// Return the ends of lines with `at`, where a name has room; `gap` is the height of a name.
function spread(ends, gap) {
  const ordered = ends.map((end) => ({ ...end, at: end.t })).sort((one, other) => one.t - other.t);
  ordered.forEach((end, place) => (end.at = Math.max(end.at, place ? ordered[place - 1].at + gap : 0)));
  ordered.reverse().forEach((end, place) => (end.at = Math.min(end.at, place ? ordered[place - 1].at - gap : 1)));
  return ordered;
}

const arrow = (better) => (better ? ` (${better} is better)` : "");

// Return the chart of the columns by two metrics.
export function scatter({ columns, metrics, width }, x, y) {
  const { dot, text, tip, pointer } = globalThis.Plot;
  const points = columns
    .map(({ label }, place) => ({ label, x: metrics[x].values[place], y: metrics[y].values[place] }))
    .filter((point) => point.x !== null && point.y !== null);
  const caption = `${y}${arrow(metrics[y].better)} by ${x}${arrow(metrics[x].better)}, ${points.length} of ${columns.length}`;
  if (!points.length) return { caption: `Nothing has both ${x} and ${y}.` };
  const names = points.length <= LABELLED ? [text(named(points, { across: width - 100 - room(width).marginRight, up: 300 }), { x: "x", y: "y", text: "label", dx: 9, textAnchor: "start", lineWidth: room(width).ems, textOverflow: "ellipsis" })] : [];
  const svg = plotted({
    width,
    height: 400,
    inset: 20,
    marginLeft: 60,
    marginRight: room(width).marginRight,
    marginBottom: 50,
    grid: true,
    x: { label: x },
    y: { label: y },
    marks: [
      dot(points, { x: "x", y: "y", r: 5, fill: "var(--blue)" }),
      ...names,
      tip(points, pointer({ x: "x", y: "y", title: (point) => `${point.label}\n${x}: ${point.x}\n${y}: ${point.y}` })),
    ],
  });
  return { svg, caption, heads: ["", x, y], rows: points.map((point) => [point.label, point.x, point.y]) };
}

// Return how a value of a metric is placed between the smallest and the largest.
function scaled(values) {
  const known = values.filter((value) => value !== null);
  const [low, high] = [least(known), most(known)];
  return { least: low, most: high, place: (value) => (high === low ? 0.5 : (value - low) / (high - low)) };
}

// Return the chart with an axis for each metric and a line for each column.
export function parallel({ columns, metrics, width }, axes) {
  const { line, dot, ruleX, text, tip, pointer } = globalThis.Plot;
  if (axes.length < 2) return { caption: "Choose at least two axes." };
  const scales = Object.fromEntries(axes.map((axis) => [axis, scaled(metrics[axis].values)]));
  const points = columns.flatMap(({ label }, place) =>
    axes.map((axis) => {
      const value = metrics[axis].values[place];
      return { label, place: `${place}`, axis, value, t: value === null ? NaN : scales[axis].place(value) };
    }),
  );
  const seen = points.filter((point) => point.value !== null);
  const ends = (t, which) => text(axes, { x: (axis) => axis, y: t, text: (axis) => `${scales[axis][which]}`, dy: t ? -12 : 12 });
  const last = Object.values(Object.fromEntries(seen.map((point) => [point.place, point]))); // of each line
  const svg = plotted({
    width,
    height: 360,
    marginTop: 50,
    marginBottom: 60,
    marginRight: room(width).marginRight,
    marginLeft: 30,
    x: { type: "point", domain: axes, padding: 0.2, label: null, axis: "top", tickSize: 0, tickPadding: 26 },
    y: { axis: null, domain: [0, 1] },
    color: { type: "categorical", scheme: "tableau10" },
    marks: [
      ruleX(axes, { stroke: "currentColor", strokeOpacity: 0.4 }),
      line(points, { x: "axis", y: "t", z: "place", stroke: "place", strokeWidth: 2 }),
      dot(seen, { x: "axis", y: "t", fill: "place", r: 3.5 }),
      ends(0, "least"),
      ends(1, "most"),
      ...(last.length <= LABELLED ? [text(spread(last, LINE / 250), { x: "axis", y: "at", text: "label", dx: 10, textAnchor: "start", lineWidth: room(width).ems, textOverflow: "ellipsis" })] : []),
      tip(seen, pointer({ x: "axis", y: "t", title: (point) => `${point.label}\n${point.axis}: ${point.value}` })),
    ],
  });
  const rows = columns.map(({ label }, place) => [label, ...axes.map((axis) => metrics[axis].values[place])]);
  return { svg, caption: `${axes.join(", ")}: a line for each column, from the least value to the greatest`, heads: ["", ...axes], rows };
}

// Return the chart of a metric over the versions of each item.
export function trend({ columns, metrics, width }, metric) {
  const { lineY, dot, tip, pointer } = globalThis.Plot;
  const { values, better } = metrics[metric];
  const points = columns
    .map(({ _id, name, version }, place) => ({ _id, name, version, value: values[place] }))
    .filter((point) => point.version !== null && point.value !== null);
  if (!points.length) return { caption: `No version has ${metric}.` };
  const domain = [...new Set(points.map((point) => point.version))];
  const svg = plotted({
    width,
    ...overTime,
    x: { type: "point", domain, label: "version" },
    y: { label: metric },
    color: { type: "categorical", scheme: "tableau10" },
    marks: [
      lineY(points, { x: "version", y: "value", z: "_id", stroke: "_id", strokeWidth: 2 }),
      dot(points, { x: "version", y: "value", fill: "_id", r: 4 }),
      tip(points, pointer({ x: "version", y: "value", title: (point) => `${point.name} ${point.version}\n${metric}: ${point.value}` })),
    ],
  });
  const rows = points.map((point) => [`${point.name} ${point.version}`, point.value]);
  return { svg, caption: `${metric}${arrow(better)} over the versions`, heads: ["", metric], rows };
}

// Return the chart of a metric over the steps of a training. A value that is no number is a gap.
export function steps({ points, width }, metric) {
  const { lineY, dot, tip, pointerX } = globalThis.Plot;
  const known = points.map(({ step, value }) => ({ step, value: value ?? NaN }));
  const svg = plotted({
    width,
    ...overTime,
    x: { label: "step" },
    y: { label: metric },
    marks: [
      lineY(known, { x: "step", y: "value", stroke: "var(--blue)", strokeWidth: 2 }),
      ...(known.length <= LABELLED ? [dot(known, { x: "step", y: "value", fill: "var(--blue)", r: 3 })] : []),
      tip(known, pointerX({ x: "step", y: "value", title: (point) => `step ${point.step}\n${metric}: ${point.value}` })),
    ],
  });
  return { svg, caption: `${metric} over the steps` };
}
