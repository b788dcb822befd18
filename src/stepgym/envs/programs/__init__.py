"""Programs: a typed tree, its C++ and its pseudo-code line by line, its meaning, and tests that tell it from others.

`stepgym.envs.programs.tasks` makes tasks of it, `stepgym.envs.programs.spoc` reads those of a public data set.
"""
