"""``python -m mimolearn``: the command line."""

from mimolearn.cli import main

if __name__ == "__main__":
    main()
