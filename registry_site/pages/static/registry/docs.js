// Swagger UI over this registry's own document. A token that was entered once stays for reloads, in this browser only.
const place = document.getElementById("swagger-ui");

// What Swagger UI leaves without a name, or out of the keyboard's reach.
const MENDED = [
  [".close-modal", "aria-label", "Close"],
  [".examples-select-element", "aria-label", "Example"],
  [".curl, .microlight, .highlight-code > pre", "tabindex", "0"],
];

function mend() {
  for (const [selector, attribute, value] of MENDED) {
    for (const element of place.querySelectorAll(selector)) {
      if (element.getAttribute(attribute) !== value) element.setAttribute(attribute, value);
    }
  }
}

new MutationObserver(mend).observe(place, { childList: true, subtree: true });

SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  persistAuthorization: true,
  displayRequestDuration: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  validatorUrl: "none",
});
