"""The database of model runs: what a local server keeps, and what reads beside it.

:class:`Store` is the database; the modules beside it are functions over one of its connections, by subject.

>>> Store.__name__
'Store'
"""

from labelmetrics.store.database import Store

__all__ = ["Store"]
