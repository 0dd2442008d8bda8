// Retrievers and collections, asked once and shared by the pages.
import { read } from "../api/client";
import type { Collection, PageOf, Retriever } from "../api/types";
import { useAsked, type Asked } from "./asking";

export interface Catalogue {
  retrievers: Retriever[];
  collections: Collection[];
}

const PAGE = 200;
const MOST = 2000;

/** All pages of a list, up to 2,000 rows. */
async function allOf<T>(path: string, signal: AbortSignal): Promise<T[]> {
  const rows: T[] = [];
  for (let page = 1; rows.length < MOST; page += 1) {
    const { results, pagination } = await read<PageOf<T>>(`${path}?page_size=${PAGE}&page=${page}`, signal);
    rows.push(...results);
    if (!pagination.next_page) break;
  }
  return rows;
}

export function useCatalogue(every = 0): Asked<Catalogue> {
  return useAsked(
    "catalogue",
    async (signal) => {
      const [retrievers, collections] = await Promise.all([allOf<Retriever>("/v1/retrievers", signal), allOf<Collection>("/v1/collections", signal)]);
      return { retrievers, collections };
    },
    every,
  );
}

const KEY = "desireline.retriever";

/** The one of the address; else the one looked at last in this tab; else one that learns; else the first. */
export function chosen(retrievers: Retriever[], wanted: string | null): Retriever | undefined {
  const named = (name: string | null) => retrievers.find((each) => each.retriever_name === name || each.retriever_id === name);
  if (wanted) return named(wanted);
  return named(sessionStorage.getItem(KEY)) ?? retrievers.find((each) => each.fusion === "learned") ?? retrievers[0];
}

export const remember = (retriever: Retriever): void => sessionStorage.setItem(KEY, retriever.retriever_name);
