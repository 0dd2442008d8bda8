"""Resources and transport of `AsyncClient`."""
