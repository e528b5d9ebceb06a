from __future__ import annotations

from labelmetrics.store import Store, ontologies


def test_ontologies_are_kept_as_they_are_given(store: Store) -> None:
    with store.write() as connection:
        one = ontologies.create_ontology(connection, "cats 100%", {"tools": [{"name": "cat"}]}, "IMAGE")
        two = ontologies.create_ontology(connection, "dogs", {"tools": []})
        assert ontologies.ontology_of(connection, one.id) == one
        assert ontologies.ontology_of(connection, "none") is None
        assert ontologies.ontologies(connection) == [two, one]
        assert ontologies.ontologies(connection, name="0%") == [one]
        assert ontologies.ontologies(connection, skip=1, first=1) == [one]
    assert (one.normalized, one.media_type, two.media_type) == ({"tools": [{"name": "cat"}]}, "IMAGE", None)
