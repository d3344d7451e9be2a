"""Files over a network: requests, transfers, and the token they may need."""
