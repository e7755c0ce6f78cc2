"""Writes claims.json and claims.md: every claim of the source reports, and what was measured of it.

python -m results.claims
"""

from results.claims import pages

pages.write()
