"""`python -m desireline.cli`: the same as the command `desireline`."""

from desireline.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
