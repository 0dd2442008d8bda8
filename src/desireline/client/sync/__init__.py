# Written by tools/unasync.py from client/aio/__init__.py (`make sync`): change that file.
"""Resources and transport of `Client`."""
