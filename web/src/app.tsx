// The frame around the pages: name, menu, theme, keys of the keyboard, key of the server, banner.
import { useEffect, useRef } from "preact/hooks";
import { access, link } from "./api/client";
import { LearningPage } from "./pages/learning";
import { LivePage } from "./pages/live";
import { SearchPage } from "./pages/search";
import { SetupPage } from "./pages/setup";
import { TasksPage } from "./pages/tasks";
import { hrefOf, PAGES, place, type Page, type Place } from "./router";
import { useStore } from "./state/store";
import { TipLayer } from "./ui/explain";
import { KeyPrompt } from "./ui/keyprompt";
import { NamespacePicker } from "./ui/namespaces";
import { help, Shortcuts, useShortcuts } from "./ui/shortcuts";
import { theme, toggleTheme } from "./ui/theme";
import { titled } from "./ui/title";
import { Toasts } from "./ui/toasts";
import { Empty } from "./ui/parts";

export const NAMES: Record<Page, string> = { search: "Search", learning: "Learning", live: "Live", setup: "Setup", tasks: "Tasks" };

export function App() {
  const now = useStore(place);
  const { state } = useStore(link);
  const { key, namespace } = useStore(access);
  const main = useRef<HTMLElement>(null);
  const before = useRef(now.page);
  useShortcuts();
  useEffect(() => {
    if (before.current === now.page) return;
    before.current = now.page;
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [now.page]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>To the content</a>
      <Head now={now} />
      <main ref={main} id="main" tabIndex={-1}>
        {state === "away" && <p class="banner" role="status">The server does not answer. What you see is from before; the page goes on by itself when it is back.</p>}
        <h1 class="hidden">{now.page === "unknown" ? "No such page" : NAMES[now.page]}</h1>
        <Content key={`${key} ${namespace}`} now={now} />
      </main>
      <Toasts />
      <TipLayer />
      <KeyPrompt />
      <Shortcuts />
    </>
  );
}

function Head({ now }: { now: Place }) {
  const { key } = useStore(access);
  useStore(theme);
  return (
    <header class="head">
      <a class="brand" href={hrefOf("search")} aria-label="desireline, search"><Mark /> desireline</a>
      <nav aria-label="Pages">
        {PAGES.map((page) => <a key={page} href={hrefOf(page)} aria-current={now.page === page ? "page" : undefined}>{NAMES[page]}</a>)}
      </nav>
      <div class="tools">
        <NamespacePicker />
        {key && <span class="tag plain" title="A key is in use in this tab">key</span>}
        <button type="button" class="icon" onClick={toggleTheme} aria-label="Light or dark" title="Light or dark (t)"><ThemeMark /></button>
        <button type="button" class="icon" onClick={() => help.set(true)} aria-label="Keys of the keyboard" title="Keys of the keyboard (?)">?</button>
      </div>
    </header>
  );
}

/** A worn path that cuts the corner of a paved one. */
const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <path class="paved" d="M5 5v22h22" />
    <path class="worn" d="M5 5c4 11 11 18 22 22" />
  </svg>
);

const ThemeMark = () => (
  <svg viewBox="0 0 20 20" aria-hidden="true">
    <circle cx="10" cy="10" r="7" fill="none" stroke="currentColor" stroke-width="1.8" />
    <path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor" />
  </svg>
);

function Content({ now }: { now: Place }) {
  useEffect(() => {
    if (now.page === "unknown") titled("No such page");
  }, [now.page]);
  switch (now.page) {
    case "search":
      return <SearchPage place={now} />;
    case "learning":
      return <LearningPage place={now} />;
    case "live":
      return <LivePage place={now} />;
    case "setup":
      return <SetupPage />;
    case "tasks":
      return <TasksPage />;
    case "unknown":
      return <Empty title="There is no such page">The address names none of the pages. <a href={hrefOf("search")}>Go to Search</a>.</Empty>;
  }
}
