"""Stages behind a search: parameters as sent, and pure functions from candidates to candidates.

One module per kind: `ordering`, `reduction`, `grouping`, `diversity`, `scoring`. `table` names
every stage that a retriever may have.
"""
