"""`python -m stepgym.cli` is `stepgym`."""

from stepgym.cli.application import main

raise SystemExit(main())
