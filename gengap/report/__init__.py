"""The gap between methods as one HTML page: numbers with intervals, tests, figures.

`make` reads what `gengap.main`, `gengap.evaluate` and `gengap.probe` wrote; it trains nothing and computes no
metrics. `run_files` and `scores_file` read runs, `groups` sorts them by data set and method, `views` and
`columns` compare them under equal budgets, `gaps` and `statistics` test differences; `summary`, `tables`,
`figures` and `curves` show them, and `page` puts everything together.
"""

from gengap.report.build import Report, make

__all__ = ["Report", "make"]
