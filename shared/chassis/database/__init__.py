"""PostgreSQL: connections, transactions, migrations, and messages to be published."""
