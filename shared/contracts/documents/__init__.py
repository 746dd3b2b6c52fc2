"""The documents of the doors: OpenAPI of HTTP, AsyncAPI of Kafka."""
