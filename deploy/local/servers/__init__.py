"""PostgreSQL and Kafka of the stack: from Python packages, without containers."""
