// What of a document is shown, and which of its words are the query's. The page's own reading: the
// server says which search found a document, not which word.
import type { ComponentChildren } from "preact";
import type { Document } from "../../api/types";

const TITLES = ["title", "name", "headline", "label", "subject", "product_title", "question"];
const TEXTS = ["summary", "description", "text", "body", "content", "abstract", "snippet", "answer"];
const OWN = new Set(["document_id", "collection_id", "score", "position", "rank", "attribution", "scores"]);
const LONG = 260;
const SMALL = new Set("a an and are as at by for from how in is it of on or that the this to was what when with".split(" "));

/** The document's stored fields, without what the execution added. */
export function fieldsOf(document: Document): [string, unknown][] {
  return Object.entries(document).filter(([name, value]) => !OWN.has(name) && !name.startsWith("_") && value !== null && value !== "");
}

export function titleOf(document: Document): { title: string; field: string } {
  const texts = fieldsOf(document).filter((pair): pair is [string, string] => typeof pair[1] === "string");
  const found = texts.find(([name]) => TITLES.includes(name.toLowerCase())) ?? texts.find(([, value]) => value.length < 120);
  return found ? { title: found[1], field: found[0] } : { title: document.document_id, field: "document_id" };
}

/** Words of a query as a pattern that also meets their other endings; null without any. */
export function patternOf(query: string): RegExp | null {
  const words = query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const telling = words.filter((word) => !SMALL.has(word));
  const stems = (telling.length ? telling : words).filter((word) => word.length > 1).map((word) => (word.length > 4 ? word.replace(/(ing|ies|es|ed|s|y)$/, "") : word));
  const unique = [...new Set(stems)].slice(0, 40);
  return unique.length ? new RegExp(`(?<![\\p{L}\\p{N}])(?:${unique.join("|")})[\\p{L}\\p{N}]{0,4}(?![\\p{L}\\p{N}])`, "giu") : null;
}

/** A part of the longest describing text around the first word that was asked for. */
export function excerptOf(document: Document, titleField: string, pattern: RegExp | null): string {
  const texts = fieldsOf(document).filter((pair): pair is [string, string] => typeof pair[1] === "string" && pair[0] !== titleField);
  const ranked = [...TEXTS.flatMap((name) => texts.filter(([field]) => field.toLowerCase() === name)), ...texts.filter(([, value]) => value.length > 60)];
  const text = (ranked.find(([, value]) => pattern && value.search(pattern) >= 0) ?? ranked[0])?.[1].replace(/\s+/g, " ").trim() ?? "";
  if (text.length <= LONG) return text;
  const first = pattern ? Math.max(0, text.search(pattern)) : 0;
  const start = first < LONG / 2 ? 0 : text.indexOf(" ", first - 80) + 1;
  return `${start ? "…" : ""}${text.slice(start, start + LONG).trimEnd()}…`;
}

export function Highlighted({ text, pattern }: { text: string; pattern: RegExp | null }) {
  if (!pattern) return <>{text}</>;
  const shown: ComponentChildren[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (shown.length > 200) break;
    shown.push(text.slice(end, match.index), <mark key={match.index}>{match[0]}</mark>);
    end = match.index + match[0].length;
  }
  return <>{shown}{text.slice(end)}</>;
}
