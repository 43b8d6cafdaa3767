// Swagger UI for this registry's OpenAPI document. A token that the user enters survives reloads, in this browser only.
const place = document.getElementById("swagger-ui");

// Elements that Swagger UI leaves without an accessible name or out of the tab order.
const ACCESSIBILITY_FIXES = [
  [".close-modal", "aria-label", "Close"],
  [".examples-select-element", "aria-label", "Example"],
  [".curl, .microlight, .highlight-code > pre", "tabindex", "0"],
];

function fixAccessibility() {
  for (const [selector, attribute, value] of ACCESSIBILITY_FIXES) {
    for (const element of place.querySelectorAll(selector)) {
      if (element.getAttribute(attribute) !== value) element.setAttribute(attribute, value);
    }
  }
}

new MutationObserver(fixAccessibility).observe(place, { childList: true, subtree: true });

// To resolve the references of one operation, Swagger UI walks the whole document, which takes seconds. Operations refer
// to components only, so it gets a document without the other paths.
const resolveOneOperation = ({ fn: { resolveSubtree } }) => ({
  fn: {
    resolveSubtree: ({ paths, ...document }, path, options) => {
      const needed = path[0] === "paths" ? { [path[1]]: paths[path[1]] } : {};
      return resolveSubtree({ ...document, paths: needed }, path, options);
    },
  },
});

SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  persistAuthorization: true,
  displayRequestDuration: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  validatorUrl: "none",
  plugins: [resolveOneOperation],
});
