"""The command line as `python -m ruleset_lint`."""

from ruleset_lint.cli import main

if __name__ == "__main__":
    main()
