"""The gap between methods, from what the folders of runs say: numbers with intervals, figures, one page.

Nothing here trains, samples or looks at images: `records` reads what `gengap.main`, `evaluate` and `probe`
wrote, `groups` sorts the runs, `compare` puts those of one data set side by side under equal budgets, `draw`,
`answers` and `page` show it.
"""
