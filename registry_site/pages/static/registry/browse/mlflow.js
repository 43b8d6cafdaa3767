// MLflow's clients print links to pages of MLflow: `/#/experiments/0/runs/<id>`, `/#/models/churn/versions/1`.
// Each leads to what the registry has instead. That page asks for a login if there is none.
const api = document.documentElement.dataset.api;
const list = (route, filter) => `${api}/${route}?filter=${encodeURIComponent(JSON.stringify(filter))}`;

async function pageOfModel(name, version) {
  const response = await fetch(list("models", { name }), { headers: { Accept: "application/json" } });
  const found = response.ok ? (await response.json()).docs : [];
  if (found.length !== 1) return list("models", { name });
  return `${api}/models/${found[0]._id}${version ? `/versions/${encodeURIComponent(version)}/info` : ""}`;
}

async function pageOf(fragment) {
  const [kind, id, , part] = fragment.replace(/\?.*/, "").split("/").slice(1).map(decodeURIComponent);
  if (kind === "experiments" && part) return `${api}/drafts/${encodeURIComponent(part)}`;
  if (kind === "experiments" && id) return list("drafts", { experiment: id });
  return kind === "models" && id ? pageOfModel(id, part) : "";
}

if (location.hash.startsWith("#/")) {
  const page = await pageOf(location.hash);
  if (page) location.replace(page);
}
