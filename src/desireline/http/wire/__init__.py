"""Wire shapes by noun: what may be sent and what comes back, and nothing else."""
