"""Files over a network: requests, transfers, and the secret they may need."""
