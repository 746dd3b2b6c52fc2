"""The development stack behind `make run`: real PostgreSQL, real Kafka, every service."""
