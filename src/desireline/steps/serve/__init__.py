"""Serve: a query and a user in, a ranked list out, everything logged that the next steps need."""

from desireline.steps.serve.execute import Ports, Serve, fields_of
from desireline.steps.serve.request import Answer, Request

__all__ = ["Answer", "Ports", "Request", "Serve", "fields_of"]
