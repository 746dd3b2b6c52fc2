"""How it is measured: the servers, the load, latencies, and processor time."""
