"""What runs chunks: this process, worker processes, or a Ray cluster."""
