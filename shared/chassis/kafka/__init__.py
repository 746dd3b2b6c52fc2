"""The Kafka doors, and what publishes."""
