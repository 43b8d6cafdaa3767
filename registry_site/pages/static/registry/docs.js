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

// The security schemes contain no reference. To resolve them, Swagger UI would take seconds for the whole document.
const resolveOperationsOnly = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        requestResolvedSubtree: (resolve) => (path) => (path[0] === "components" ? undefined : resolve(path)),
      },
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
  plugins: [resolveOperationsOnly],
});
