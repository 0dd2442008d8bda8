// Builds the dashboard into the Python package: one page, one script, one style sheet, hashed names
// below assets/. Paths are relative so that a reverse proxy may serve it under any prefix.
import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

const WORDS = "virtual:glossary";

/** `virtual:glossary`: the first two columns of GLOSSARY.md, so that the page says what the house says. */
function glossary(): Plugin {
  return {
    name: "glossary",
    resolveId: (id) => (id === WORDS ? "\0" + WORDS : undefined),
    load(id) {
      if (id !== "\0" + WORDS) return undefined;
      const text = readFileSync(new URL("../GLOSSARY.md", import.meta.url), "utf8");
      const rows = text.split("\n").filter((line) => /^\| /.test(line) && !/^\| (say|---) /.test(line));
      const words = rows.map((row) => row.split("|").slice(1, 3).map((cell) => cell.trim().replace(/[`*]/g, "")));
      return `export default ${JSON.stringify(Object.fromEntries(words))}`;
    },
  };
}

export default defineConfig({
  base: "./",
  plugins: [glossary()],
  build: {
    outDir: "../src/desireline/http/dashboard",
    emptyOutDir: true,
    assetsInlineLimit: 0, // the content security policy allows files of our own, nothing inline
    modulePreload: { polyfill: false },
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"], // light-dark()
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8080", "/healthz": "http://127.0.0.1:8080", "/readyz": "http://127.0.0.1:8080" } },
});
