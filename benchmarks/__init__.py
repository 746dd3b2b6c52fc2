"""Benchmarks: what the ledger does, as ratios to raw limits of the same run."""
