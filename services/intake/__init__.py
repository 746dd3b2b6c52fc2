"""The edge: where organisations' contributions arrive over Kafka."""
