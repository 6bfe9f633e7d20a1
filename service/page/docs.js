// Swagger UI over our own description; its files come from this service, and nothing is validated elsewhere.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#api", deepLinking: true, tryItOutEnabled: true, validatorUrl: null });
