"""The JSON API: a table of what can be asked (:mod:`.table`), and the OpenAPI document that follows from it."""
