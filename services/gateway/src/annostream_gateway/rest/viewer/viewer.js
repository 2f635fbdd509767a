// Shows the OpenAPI document of this gateway. Text goes in as text, never as HTML.
"use strict";

const DEPTH = 6;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}

function resolve(api, schema) {
  const name = schema.$ref?.split("/").pop();
  return name ? { name, ...api.components.schemas[name] } : schema;
}

function typeOf(api, schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.type === "array") return `list of ${typeOf(api, schema.items)}`;
  if (schema.type === "object" && typeof schema.additionalProperties === "object") {
    return `map of ${typeOf(api, schema.additionalProperties)}`;
  }
  return [schema.type ?? "any", schema.format].filter(Boolean).join(", ");
}

// The message behind a field, if there is one: lists and maps are looked through.
function inner(api, schema) {
  const items = schema.items ?? (typeof schema.additionalProperties === "object" ? schema.additionalProperties : schema);
  return resolve(api, items);
}

function fields(api, schema, depth = 0) {
  const list = element("ul", { className: "schema" });
  for (const [name, field] of Object.entries(resolve(api, schema).properties ?? {})) {
    const line = element("span", {}, element("code", { textContent: name }), ` ${typeOf(api, field)} `);
    line.append(element("span", { className: "muted", textContent: field.description ?? "" }));
    const below = inner(api, field);
    if (below.enum) line.append(element("div", { className: "muted", textContent: below.enum.join(" · ") }));
    if (!below.properties || depth >= DEPTH) {
      list.append(element("li", {}, line));
      continue;
    }
    const more = element("details", {}, element("summary", {}, line));
    more.addEventListener("toggle", () => more.append(fields(api, below, depth + 1)), { once: true });
    list.append(element("li", {}, more));
  }
  return list;
}

function parameters(operation, api) {
  if (!operation.parameters.length) return null;
  const rows = operation.parameters.map((one) =>
    element("tr", {},
      element("td", {}, element("code", { textContent: one.name })),
      element("td", { textContent: one.in }),
      element("td", { textContent: typeOf(api, one.schema) }),
      element("td", { textContent: one.description ?? "" })));
  const head = element("tr", {}, ...["parameter", "in", "type", ""].map((text) => element("th", { textContent: text })));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

function curl(method, path, operation, streaming) {
  const url = `${location.origin}${path.replaceAll(/\{(\w+)\}/g, (_, name) => `$${name.toUpperCase()}`)}`;
  const parts = [`curl ${streaming ? "-N " : ""}-X ${method.toUpperCase()} "${url}"`, `-H "Authorization: Bearer $TOKEN"`];
  if (operation.requestBody) parts.push(`-H "Content-Type: application/json" -d '{}'`);
  return element("pre", { textContent: parts.join(" \\\n  ") });
}

function show(api, method, path, operation) {
  const good = operation.responses["200"];
  const [kind, answer] = Object.entries(good.content)[0];
  const streaming = kind === "text/event-stream";
  const body = operation.requestBody?.content["application/json"].schema;
  const summary = element("summary", {},
    element("span", { className: "method", textContent: method.toUpperCase() }),
    element("span", { className: "path", textContent: path }),
    operation["x-role"] ? element("span", { className: "role", textContent: operation["x-role"] }) : null,
    element("span", { className: "muted", textContent: operation.operationId }));
  const made = element("details", { className: "operation", id: operation.operationId }, summary);
  made.addEventListener("toggle", () => made.append(element("div", { className: "inside" },
    element("p", { textContent: operation.description }),
    parameters(operation, api),
    body ? element("h4", { textContent: "Body (JSON)" }) : null,
    body ? fields(api, body) : null,
    element("h4", { textContent: streaming ? `Events: ${good.description}` : "Answer" }),
    fields(api, answer.schema),
    element("h4", { textContent: "Refusals" }),
    element("p", { className: "muted", textContent: operation.responses.default.description }),
    curl(method, path, operation, streaming))), { once: true });
  made.dataset.text = `${method} ${path} ${operation.operationId} ${operation.description}`.toLowerCase();
  return made;
}

function showAll(api) {
  document.getElementById("title").textContent = `${api.info.title} ${api.info.version}`;
  const main = document.getElementById("operations");
  main.replaceChildren(element("pre", { textContent: api.info.description }));
  for (const tag of api.tags) {
    const section = element("section", {}, element("h2", { textContent: tag.name }), element("p", { textContent: tag.description }));
    for (const [path, methods] of Object.entries(api.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (operation.tags.includes(tag.name)) section.append(show(api, method, path, operation));
      }
    }
    main.append(section);
  }
  document.getElementById(location.hash.slice(1))?.setAttribute("open", "");
}

document.getElementById("find").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/);
  for (const one of document.querySelectorAll("details.operation")) {
    one.hidden = !words.every((word) => one.dataset.text.includes(word));
  }
});

fetch("/api/v1/openapi.json")
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`${answer.status}`))))
  .then(showAll)
  .catch((error) => {
    document.getElementById("operations").textContent = `The document could not be read (${error.message}): reload the page.`;
  });
