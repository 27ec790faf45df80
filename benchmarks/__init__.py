"""What graphtrace costs, measured beside plain programs and its peers: `python -m benchmarks --help`."""
