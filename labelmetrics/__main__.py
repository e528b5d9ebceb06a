"""``python -m labelmetrics``: the command line."""

from labelmetrics.cli import main

if __name__ == "__main__":
    main()
