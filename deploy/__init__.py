"""What it takes to run the ledger: locally, in Compose, on Kubernetes."""
