"""The compatibility gate: what is declared now may break nobody who relies on a contract."""
