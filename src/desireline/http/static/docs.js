// Draws every operation of /openapi.json as a line that opens to its parameters, body and answer.
const node = (tag, text, kind) => Object.assign(document.createElement(tag), { textContent: text ?? "", className: kind ?? "" });

function shape(schema, schemas, depth = 0) {
  if (!schema) return "";
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return depth > 3 ? name : shape(schemas[name], schemas, depth);
  }
  const options = schema.oneOf ?? schema.anyOf;
  if (options) return options.map((each) => shape(each, schemas, depth + 1)).join(" | ");
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
  if (schema.type === "array") return `[${shape(schema.items, schemas, depth + 1)}]`;
  if (schema.properties) {
    const pad = "  ".repeat(depth + 1);
    const needed = new Set(schema.required ?? []);
    const lines = Object.entries(schema.properties).map(
      ([name, each]) => `${pad}${name}${needed.has(name) ? "*" : ""}: ${shape(each, schemas, depth + 1)}`);
    return `{\n${lines.join("\n")}\n${"  ".repeat(depth)}}`;
  }
  return schema.type ?? "any";
}

function entry(path, method, operation, schemas) {
  const details = node("details");
  const summary = node("summary");
  summary.append(node("span", method.toUpperCase(), "method"), node("code", path), node("span", ` ${(operation.description ?? operation.summary ?? "").split(/[.;:](\s|$)/)[0]}`, "soft"));
  details.append(summary, node("p", operation.description));
  const parameters = (operation.parameters ?? []).map((each) => `${each.name} (${each.in}): ${shape(each.schema, schemas, 1)}`);
  const body = operation.requestBody?.content?.["application/json"]?.schema;
  const answer = operation.responses?.["200"]?.content?.["application/json"]?.schema;
  for (const [title, text] of [["Parameters", parameters.join("\n")], ["Body (* = required)", shape(body, schemas)], ["Answer", shape(answer, schemas)]]) {
    if (text) details.append(node("p", title, "soft"), node("pre", text));
  }
  details.dataset.text = details.textContent.toLowerCase() + path.toLowerCase();
  return details;
}

async function draw() {
  const routes = document.getElementById("routes");
  try {
    const found = await (await fetch("openapi.json")).json();
    const schemas = found.components?.schemas ?? {};
    const entries = Object.entries(found.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => entry(path, method, operation, schemas)));
    routes.replaceChildren(...entries);
    document.getElementById("find").addEventListener("input", (event) => {
      const wanted = event.target.value.toLowerCase();
      for (const each of entries) each.hidden = !each.dataset.text.includes(wanted);
    });
  } catch (error) {
    routes.textContent = `The routes could not be read (${error}). Is the server still running?`;
  }
}

draw();
