// Swagger UI over this registry's own document. A token that was entered once stays for reloads, in this browser only.
const place = document.getElementById("swagger-ui");

SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  deepLinking: true,
  persistAuthorization: true,
  displayRequestDuration: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  validatorUrl: "none",
  syntaxHighlight: { theme: "idea" },
});
