// The document's title: what is looked at first, where second.
export function titled(...parts: string[]): void {
  document.title = [...parts.filter(Boolean).map((part) => part.slice(0, 60)), "desireline"].join(" · ");
}
