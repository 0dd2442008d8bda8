// Retrievers and collections, asked once and shared by the pages.
import { read } from "../api/client";
import type { Collection, PageOf, Retriever } from "../api/types";
import { useAsked, type Asked } from "./asking";

export interface Catalogue {
  retrievers: Retriever[];
  collections: Collection[];
}

export function useCatalogue(every = 0): Asked<Catalogue> {
  return useAsked(
    "catalogue",
    async (signal) => {
      const [retrievers, collections] = await Promise.all([
        read<PageOf<Retriever>>("/v1/retrievers?page_size=200", signal),
        read<PageOf<Collection>>("/v1/collections?page_size=200", signal),
      ]);
      return { retrievers: retrievers.results, collections: collections.results };
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
