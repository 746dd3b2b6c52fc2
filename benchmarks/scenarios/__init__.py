"""What is measured: each module is one path of the ledger, or what it is compared with."""
