"""From the client's load to latency, replicas and GPUs."""
