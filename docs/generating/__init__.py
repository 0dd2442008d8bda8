"""The pages of the reference: one module for each source they are read from."""
