"""The nouns: frozen structs. `log` is the event log's tables, `retriever` what is searched and how,
`learning` what is learned. They know nothing of storage, HTTP or time."""
