"""The local server of model runs: the platform's wire protocol, a JSON API and plain pages over the store.

:func:`labelmetrics.server.serving.serve` runs it; :func:`labelmetrics.server.app.make_app` is the application alone.
"""
